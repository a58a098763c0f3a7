// SPDX-FileCopyrightText: The Lull authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The members of a group are cut one after another: there is no write order across them unless nothing is written.

func (d *driver) GroupControllerGetCapabilities(context.Context, *csi.GroupControllerGetCapabilitiesRequest) (
	*csi.GroupControllerGetCapabilitiesResponse, error) {
	return &csi.GroupControllerGetCapabilitiesResponse{Capabilities: []*csi.GroupControllerServiceCapability{{
		Type: &csi.GroupControllerServiceCapability_Rpc{Rpc: &csi.GroupControllerServiceCapability_RPC{
			Type: csi.GroupControllerServiceCapability_RPC_CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT}}}}}, nil
}

func (d *driver) CreateVolumeGroupSnapshot(_ context.Context, req *csi.CreateVolumeGroupSnapshotRequest) (
	*csi.CreateVolumeGroupSnapshotResponse, error) {
	unlock, err := d.lock(req.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	g, there := load[group](d.state, req.Name, groupRecord)
	if !there {
		g = &group{ID: req.Name, Created: time.Now(), Class: req.Parameters}
		if err := d.cutGroup(g, req.SourceVolumeIds); err != nil {
			return nil, err
		}
	}
	message, err := d.groupMessage(g)
	return &csi.CreateVolumeGroupSnapshotResponse{GroupSnapshot: message}, err
}

func (d *driver) cutGroup(g *group, volumes []string) error {
	k, err := d.knobs("", g.Class)
	if err == nil {
		err = d.fault(g.ID, k)
	}
	for _, id := range volumes {
		if err != nil {
			return err
		}
		s := &snapshot{ID: g.ID + "." + strings.TrimPrefix(id, "pvc-"), Volume: id, Group: g.ID, Class: g.Class}
		if k, err = d.knobs(id, g.Class); err == nil {
			err = d.cut(s, k)
		}
		g.Members = append(g.Members, s.ID)
	}
	if err != nil {
		return err
	}
	return d.state.save(g.ID, groupRecord, g)
}

func (d *driver) groupMessage(g *group) (*csi.VolumeGroupSnapshot, error) {
	message := &csi.VolumeGroupSnapshot{GroupSnapshotId: g.ID, CreationTime: timestamppb.New(g.Created), ReadyToUse: true}
	for _, id := range g.Members {
		s, there := load[snapshot](d.state, id, snapshotRecord)
		if !there {
			return nil, status.Errorf(codes.NotFound, "no snapshot %q", id)
		}
		k, err := d.knobs(s.Volume, g.Class)
		if err != nil {
			return nil, err
		}
		member := s.message(k)
		message.Snapshots = append(message.Snapshots, member)
		message.ReadyToUse = message.ReadyToUse && member.ReadyToUse
	}
	return message, nil
}

func (d *driver) GetVolumeGroupSnapshot(_ context.Context, req *csi.GetVolumeGroupSnapshotRequest) (
	*csi.GetVolumeGroupSnapshotResponse, error) {
	g, there := load[group](d.state, req.GroupSnapshotId, groupRecord)
	if !there {
		return nil, status.Errorf(codes.NotFound, "no group snapshot %q", req.GroupSnapshotId)
	}
	message, err := d.groupMessage(g)
	return &csi.GetVolumeGroupSnapshotResponse{GroupSnapshot: message}, err
}

func (d *driver) DeleteVolumeGroupSnapshot(_ context.Context, req *csi.DeleteVolumeGroupSnapshotRequest) (
	*csi.DeleteVolumeGroupSnapshotResponse, error) {
	for _, id := range req.SnapshotIds {
		if err := d.removeSnapshot(id); err != nil {
			return nil, err
		}
	}
	return &csi.DeleteVolumeGroupSnapshotResponse{}, d.state.remove(req.GroupSnapshotId, groupRecord)
}
