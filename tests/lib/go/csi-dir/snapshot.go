// SPDX-FileCopyrightText: The Lull authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (d *driver) CreateSnapshot(_ context.Context, req *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	unlock, err := d.lock(req.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	k, err := d.knobs(req.SourceVolumeId, req.Parameters)
	if err != nil {
		return nil, err
	}
	s, there := load[snapshot](d.state, req.Name, snapshotRecord)
	if !there {
		if err := d.fault(req.Name, k); err != nil {
			return nil, err
		}
		s = &snapshot{ID: req.Name, Volume: req.SourceVolumeId, Class: req.Parameters}
		if err := d.cut(s, k); err != nil {
			return nil, err
		}
	}
	if s.Volume != req.SourceVolumeId {
		return nil, status.Error(codes.AlreadyExists, "the name belongs to a snapshot of another volume")
	}
	return &csi.CreateSnapshotResponse{Snapshot: s.message(k)}, nil
}

// cut copies a volume. Storage promises that the data is that of an instant between the call and its answer. Unless the
// knobs allow changes, this driver is stricter, for tests of freezing: nothing may be written in all that time. The
// creation time is the start of the copy: it proves nothing.
func (d *driver) cut(s *snapshot, k *knobs) error {
	v, there := load[volume](d.state, s.Volume, volumeRecord)
	if !there {
		return status.Errorf(codes.NotFound, "no volume %q", s.Volume)
	}
	source, data := d.state.path(s.Volume, ""), d.state.path(s.ID, snapshotData+unfinished)
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	before, err := stamps(source)
	if err != nil {
		return err
	}
	log.Printf("cutting %s", s.ID)
	if err := d.wait(s, func(k *knobs) time.Duration { return k.delay }); err != nil {
		return err
	}
	s.Size, s.Created = v.Capacity, time.Now()
	cloned, err := copyTree(source, data)
	if err != nil {
		return err
	}
	if err := d.wait(s, func(k *knobs) time.Duration { return k.linger }); err != nil {
		return err
	}
	if k.refuse {
		if err := unchanged(source, data, before, cloned); err != nil {
			return err
		}
	}
	if err := os.Rename(data, d.state.path(s.ID, snapshotData)); err != nil {
		return err
	}
	return d.state.save(s.ID, snapshotRecord, s)
}

func (d *driver) DeleteSnapshot(_ context.Context, req *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if s, there := load[snapshot](d.state, req.SnapshotId, snapshotRecord); there && s.Group != "" {
		return nil, status.Error(codes.InvalidArgument, "the snapshot belongs to a group")
	}
	return &csi.DeleteSnapshotResponse{}, d.removeSnapshot(req.SnapshotId)
}

func (d *driver) removeSnapshot(id string) error {
	return d.state.remove(id, snapshotRecord, snapshotData, snapshotData+unfinished)
}

func (d *driver) ListSnapshots(_ context.Context, req *csi.ListSnapshotsRequest) (*csi.ListSnapshotsResponse, error) {
	reply := &csi.ListSnapshotsResponse{}
	files, _ := filepath.Glob(d.state.path("*", snapshotRecord))
	for _, file := range files {
		s, there := load[snapshot](d.state, strings.TrimSuffix(filepath.Base(file), snapshotRecord), snapshotRecord)
		if !there || req.SnapshotId != "" && req.SnapshotId != s.ID ||
			req.SourceVolumeId != "" && req.SourceVolumeId != s.Volume {
			continue
		}
		k, err := d.knobs(s.Volume, s.Class)
		if err != nil {
			return nil, err
		}
		reply.Entries = append(reply.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: s.message(k)})
	}
	return reply, nil
}
