// SPDX-FileCopyrightText: The Lull authors
// SPDX-License-Identifier: Apache-2.0

// csi-dir is a CSI driver for tests, as far as a cluster without kubelets calls one. A volume is a directory
// (Filesystem) or a sparse file (Block) below -state, named after its handle; a snapshot is a copy beside it. What it
// does late, wrong or never is turned by knobs: see knobs.go.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var version = "test" // without one the sidecars refuse a driver

type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedGroupControllerServer
	name  string
	state state
	busy  sync.Map // names with a call under way
	tries tries    // calls for snapshots that are not there yet, by name
}

func main() {
	name := flag.String("name", "dir.csi.lull.dev", "name of the driver")
	dir := flag.String("state", "", "directory of the volumes and snapshots")
	socket := flag.String("socket", "", "Unix socket to serve on")
	flag.Parse()
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		log.Fatal(err)
	}
	if err := os.RemoveAll(*socket); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", *socket)
	if err != nil {
		log.Fatal(err)
	}
	d := &driver{name: *name, state: state(*dir)}
	server := grpc.NewServer(grpc.UnaryInterceptor(logCalls))
	csi.RegisterIdentityServer(server, d)
	csi.RegisterControllerServer(server, d)
	csi.RegisterGroupControllerServer(server, d)
	log.Fatal(server.Serve(listener))
}

func logCalls(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	start := time.Now()
	reply, err := next(ctx, req)
	log.Printf("%s %v -> %v %v (%v)", filepath.Base(info.FullMethod), req, reply, err, time.Since(start))
	return reply, err
}

// lock keeps a second call for the same name out while the first is under way, as CSI asks for.
func (d *driver) lock(name string) (unlock func(), err error) {
	if _, taken := d.busy.LoadOrStore(name, true); taken {
		return nil, status.Errorf(codes.Aborted, "a call for %s is under way", name)
	}
	return func() { d.busy.Delete(name) }, nil
}

func (d *driver) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: d.name, VendorVersion: version}, nil
}

func (d *driver) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (
	*csi.GetPluginCapabilitiesResponse, error) {
	reply := &csi.GetPluginCapabilitiesResponse{}
	for _, t := range []csi.PluginCapability_Service_Type{
		csi.PluginCapability_Service_CONTROLLER_SERVICE,
		csi.PluginCapability_Service_GROUP_CONTROLLER_SERVICE,
	} {
		reply.Capabilities = append(reply.Capabilities, &csi.PluginCapability{
			Type: &csi.PluginCapability_Service_{Service: &csi.PluginCapability_Service{Type: t}}})
	}
	return reply, nil
}

func (d *driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}
