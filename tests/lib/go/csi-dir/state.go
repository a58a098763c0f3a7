// SPDX-FileCopyrightText: The Lull authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// state is the directory in which everything is: data in files and directories named after the ID, what is known about
// them in JSON beside them.
type state string

type volume struct {
	ID       string
	Capacity int64
	Snapshot string // that it was made from
}

type snapshot struct {
	ID, Volume, Group string
	Size              int64
	Created           time.Time
	Class             map[string]string // the parameters it was cut with
}

type group struct {
	ID      string
	Members []string
	Created time.Time
	Class   map[string]string
}

// Suffixes of an ID's files. Without one: the data of a volume.
const (
	volumeRecord   = ".volume.json"
	snapshotRecord = ".snapshot.json"
	snapshotData   = ".snapshot"
	groupRecord    = ".group.json"
	unfinished     = ".new"
)

func (s state) path(id, suffix string) string {
	if id == "" || id[0] == '.' || strings.Contains(id, "/") {
		id = "_" // no ID of this driver's
	}
	return filepath.Join(string(s), id+suffix)
}

func load[T any](s state, id, suffix string) (*T, bool) {
	record := new(T)
	data, err := os.ReadFile(s.path(id, suffix))
	return record, err == nil && json.Unmarshal(data, record) == nil
}

func (s state) save(id, suffix string, record any) error {
	data, err := json.Marshal(record)
	if err == nil {
		err = os.WriteFile(s.path(id, suffix+unfinished), data, 0o644)
	}
	if err == nil {
		err = os.Rename(s.path(id, suffix+unfinished), s.path(id, suffix))
	}
	return err
}

func (s state) remove(id string, suffixes ...string) error {
	for _, suffix := range suffixes {
		if err := os.RemoveAll(s.path(id, suffix)); err != nil {
			return err
		}
	}
	return nil
}

func (v *volume) message() *csi.Volume {
	message := &csi.Volume{VolumeId: v.ID, CapacityBytes: v.Capacity}
	if v.Snapshot != "" {
		source := &csi.VolumeContentSource_SnapshotSource{SnapshotId: v.Snapshot}
		message.ContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{Snapshot: source}}
	}
	return message
}

func (s *snapshot) message(k *knobs) *csi.Snapshot {
	return &csi.Snapshot{SnapshotId: s.ID, SourceVolumeId: s.Volume, GroupSnapshotId: s.Group, SizeBytes: s.Size,
		CreationTime: timestamppb.New(s.Created.Add(k.skew)), ReadyToUse: time.Since(s.Created) >= k.upload}
}
