// SPDX-FileCopyrightText: The Lull authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (d *driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (
	*csi.ControllerGetCapabilitiesResponse, error) {
	reply := &csi.ControllerGetCapabilitiesResponse{}
	for _, t := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
	} {
		reply.Capabilities = append(reply.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: t}}})
	}
	return reply, nil
}

func (d *driver) CreateVolume(_ context.Context, req *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	unlock, err := d.lock(req.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	v, there := load[volume](d.state, req.Name, volumeRecord)
	if !there {
		v = &volume{ID: req.Name, Capacity: max(req.GetCapacityRange().GetRequiredBytes(), 1<<20),
			Snapshot: req.GetVolumeContentSource().GetSnapshot().GetSnapshotId()}
		if req.VolumeContentSource != nil && v.Snapshot == "" {
			return nil, status.Error(codes.InvalidArgument, "a volume is made from nothing or from a snapshot")
		}
		block := false
		for _, c := range req.VolumeCapabilities {
			block = block || c.GetBlock() != nil
		}
		if err := d.fill(v, block); err != nil {
			return nil, err
		}
		if err := d.state.save(v.ID, volumeRecord, v); err != nil {
			return nil, err
		}
	}
	return &csi.CreateVolumeResponse{Volume: v.message()}, nil
}

// fill makes the contents of a new volume, empty or from its snapshot.
func (d *driver) fill(v *volume, block bool) error {
	data := d.state.path(v.ID, unfinished)
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	var err error
	switch {
	case v.Snapshot != "":
		s, there := load[snapshot](d.state, v.Snapshot, snapshotRecord)
		if !there {
			return status.Errorf(codes.NotFound, "no snapshot %q", v.Snapshot)
		}
		if v.Capacity < s.Size {
			return status.Error(codes.OutOfRange, "the volume is smaller than its snapshot")
		}
		_, err = copyTree(d.state.path(s.ID, snapshotData), data)
	case block:
		err = os.WriteFile(data, nil, 0o644)
	default:
		err = os.Mkdir(data, 0o755)
	}
	if err == nil && block {
		err = os.Truncate(data, v.Capacity)
	}
	if err == nil {
		err = os.Rename(data, d.state.path(v.ID, ""))
	}
	return err
}

func (d *driver) DeleteVolume(_ context.Context, req *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	return &csi.DeleteVolumeResponse{}, d.state.remove(req.VolumeId, volumeRecord, unfinished, "")
}
