// SPDX-FileCopyrightText: The Lull authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// knobs are what a test turns. They come from the parameters of a VolumeSnapshotClass or VolumeGroupSnapshotClass, and
// over these from the file "knobs.json" in the state directory, which may change at any time, during a wait too:
//
//	{"": {knobs of every volume}, "<volume handle>": {knobs of that one}}
type knobs struct {
	delay  time.Duration // "delay": how long before the cut, even if the caller gives up meanwhile
	linger time.Duration // "linger": how long after the cut until the answer
	upload time.Duration // "upload": how long after the cut the snapshot is not ready to use
	skew   time.Duration // "skew": how far the storage's clock is ahead
	code   codes.Code    // "error": the gRPC code that CreateSnapshot answers instead of cutting
	errors int           // "errors": only so many calls for a snapshot get it; 0: all
	refuse bool          // "changes": "refuse" (the default): what is written during the call fails it; or "allow"
}

func (k *knobs) set(name, value string) (err error) {
	switch name {
	case "delay":
		k.delay, err = time.ParseDuration(value)
	case "linger":
		k.linger, err = time.ParseDuration(value)
	case "upload":
		k.upload, err = time.ParseDuration(value)
	case "skew":
		k.skew, err = time.ParseDuration(value)
	case "error":
		k.code, err = parseCode(value)
	case "errors":
		k.errors, err = strconv.Atoi(value)
	case "changes":
		if k.refuse = value == "refuse"; !k.refuse && value != "allow" {
			err = errors.New("neither refuse nor allow")
		}
	default:
		err = errors.New("there is no such knob")
	}
	return err
}

func parseCode(name string) (codes.Code, error) {
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		if code.String() == name {
			return code, nil
		}
	}
	return codes.OK, errors.New("no gRPC code")
}

// knobs for a volume that is cut with the parameters of this class.
func (d *driver) knobs(volume string, class map[string]string) (*knobs, error) {
	turned := map[string]map[string]string{}
	data, err := os.ReadFile(d.state.path("knobs", ".json"))
	if err == nil {
		err = json.Unmarshal(data, &turned)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, status.Errorf(codes.InvalidArgument, "knobs.json: %v", err)
	}
	words := map[string]string{"changes": "refuse"}
	maps.Copy(words, class)
	maps.Copy(words, turned[""])
	maps.Copy(words, turned[volume])
	k := &knobs{}
	for name, value := range words {
		if err := k.set(name, value); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "knob %s: %q: %v", name, value, err)
		}
	}
	return k, nil
}

// wait sleeps for as long as a knob says, which may be turned meanwhile.
func (d *driver) wait(s *snapshot, knob func(*knobs) time.Duration) error {
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		k, err := d.knobs(s.Volume, s.Class)
		if err != nil || time.Since(start) >= knob(k) {
			return err
		}
	}
}

// tries counts calls by name.
type tries struct {
	mutex  sync.Mutex
	counts map[string]int
}

func (t *tries) next(name string) int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[name]++
	return t.counts[name]
}

// fault is the error that the knobs want for this call, if any.
func (d *driver) fault(name string, k *knobs) error {
	if k.code == codes.OK || k.errors > 0 && d.tries.next(name) > k.errors {
		return nil
	}
	return status.Error(k.code, "as a test wants it")
}
