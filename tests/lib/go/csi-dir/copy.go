// SPDX-FileCopyrightText: The Lull authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// copyTree copies a file, or a directory of files. Cloned says that every file is that of one instant, since the file
// system could share its blocks.
func copyTree(source, target string) (cloned bool, err error) {
	cloned = true
	err = filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := target + path[len(source):]
		switch {
		case entry.IsDir():
			return os.Mkdir(to, 0o755)
		case entry.Type().IsRegular():
			one, err := copyFile(path, to)
			cloned = cloned && one
			return err
		}
		return fmt.Errorf("%s: neither file nor directory", path)
	})
	return cloned, err
}

func copyFile(source, target string) (cloned bool, err error) {
	from, err := os.Open(source)
	if err != nil {
		return false, err
	}
	defer from.Close()
	to, err := os.Create(target)
	if err != nil {
		return false, err
	}
	defer to.Close()
	err = unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOTTY) && !errors.Is(err, unix.EXDEV) {
		return false, err
	}
	return false, copyData(from, to)
}

// copyData leaves holes where holes are.
func copyData(from, to *os.File) error {
	info, err := from.Stat()
	if err == nil {
		err = to.Truncate(info.Size())
	}
	for end := int64(0); err == nil; {
		var start int64
		start, err = unix.Seek(int(from.Fd()), end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // nothing but a hole from here on
		}
		if err == nil {
			end, err = unix.Seek(int(from.Fd()), start, unix.SEEK_HOLE)
		}
		if err == nil {
			_, err = io.Copy(io.NewOffsetWriter(to, start), io.NewSectionReader(from, start, end-start))
		}
	}
	return err
}

type stamp struct {
	size, modified int64 // bytes, nanoseconds
}

// stamps of all files of a volume, by path. Every write renews one, if only as finely as the kernel's clock ticks.
func stamps(root string) (map[string]stamp, error) {
	all := map[string]stamp{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			all[path] = stamp{info.Size(), info.ModTime().UnixNano()}
		}
		return err
	})
	return all, err
}

// unchanged fails if a volume has been written to since its stamps were taken. Where the copy took time, the data is
// compared too: what passes is the data of the instant at which the copy ended.
func unchanged(source, data string, before map[string]stamp, cloned bool) error {
	for path := range before {
		if cloned {
			break
		}
		same, err := sameData(path, data+path[len(source):])
		if err != nil {
			return err
		}
		if !same {
			return status.Errorf(codes.FailedPrecondition, "%s: other data than was copied", path)
		}
	}
	after, err := stamps(source)
	if err != nil {
		return err
	}
	for path, stamp := range after {
		if was, there := before[path]; !there || was != stamp {
			return status.Errorf(codes.FailedPrecondition, "%s: written to while it was cut", path)
		}
	}
	if len(after) != len(before) {
		return status.Errorf(codes.FailedPrecondition, "%s: a file was removed while it was cut", source)
	}
	return nil
}

func sameData(one, other string) (bool, error) {
	a, err := os.Open(one)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := os.Open(other)
	if err != nil {
		return false, err
	}
	defer b.Close()
	left, right := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(a, left)
		m, _ := io.ReadFull(b, right)
		if !bytes.Equal(left[:n], right[:m]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}
