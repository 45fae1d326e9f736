package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/hydrasync/hydrasync/cmd/hydrabench/tree"
)

func newSyncthing() *contestant {
	return &contestant{name: syncthing, needs: []string{"syncthing"}, carries: tree.Modes | tree.Times, calm: 3 * time.Second,
		skip: []string{".stfolder"}, follow: followSyncthing}
}

// syncthingPair is two instances on loopback: one only sends, one only receives.
type syncthingPair struct {
	homes [2]string
	both  [2]*process
}

// syncthingConf takes the own device, the other, the ports of the own one, the
// other's port, and the folder's path and type. The watcher's delay is the
// shortest that it takes; nothing but the other instance is asked for anything.
const syncthingConf = `<configuration version="35">
<folder id="bench" path="%[6]s" type="%[7]s" rescanIntervalS="3600" fsWatcherEnabled="true" fsWatcherDelayS="1">
<device id="%[1]s"></device><device id="%[2]s"></device></folder>
<device id="%[1]s" compression="never"><address>tcp://127.0.0.1:%[3]d</address></device>
<device id="%[2]s" compression="never"><address>tcp://127.0.0.1:%[5]d</address></device>
<gui enabled="true"><address>127.0.0.1:%[4]d</address><apikey>bench</apikey></gui>
<options><listenAddress>tcp://127.0.0.1:%[3]d</listenAddress><globalAnnounceEnabled>false</globalAnnounceEnabled>
<localAnnounceEnabled>false</localAnnounceEnabled><relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>
<urAccepted>-1</urAccepted><crashReportingEnabled>false</crashReportingEnabled><startBrowser>false</startBrowser>
<autoUpgradeIntervalH>0</autoUpgradeIntervalH><reconnectionIntervalS>1</reconnectionIntervalS></options>
</configuration>
`

func followSyncthing(ctx context.Context, p pair) (following, error) {
	s := &syncthingPair{homes: [2]string{filepath.Join(p.own, "sender"), filepath.Join(p.own, "receiver")}}
	var ids [2]string
	var ports [4]int
	var err error
	for i, home := range s.homes {
		if ids[i], err = syncthingID(ctx, home); err != nil {
			return nil, err
		}
	}
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	for i, folder := range []string{p.src, p.dst} {
		conf := fmt.Sprintf(syncthingConf, ids[i], ids[1-i], ports[i], ports[2+i], ports[1-i], folder, []string{"sendonly", "receiveonly"}[i])
		if err := os.WriteFile(filepath.Join(s.homes[i], "config.xml"), []byte(conf), 0o600); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Join(folder, ".stfolder"), 0o755); err != nil {
			return nil, err
		}
	}
	if s.both[0], err = s.start(0); err != nil {
		return nil, err
	}
	return s, s.back(ctx)
}

var deviceID = regexp.MustCompile(`<device id="([A-Z2-7-]{63})"`)

// syncthingID makes an instance's keys and returns its name.
func syncthingID(ctx context.Context, home string) (string, error) {
	if err := shell(ctx, `syncthing generate --home="$1"`, home); err != nil {
		return "", err
	}
	conf, err := os.ReadFile(filepath.Join(home, "config.xml"))
	if err != nil {
		return "", err
	}
	found := deviceID.FindSubmatch(conf)
	if found == nil {
		return "", fmt.Errorf("syncthing generate wrote no device into %s", home)
	}
	return string(found[1]), nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *syncthingPair) start(i int) (*process, error) {
	return spawn(nil, []string{"STNOUPGRADE=1"}, "syncthing", "serve", "--home="+s.homes[i], "--no-browser")
}

func (s *syncthingPair) away() error {
	s.both[1].stop()
	s.both[1] = nil
	return nil
}

func (s *syncthingPair) back(context.Context) (err error) {
	s.both[1], err = s.start(1)
	return err
}

func (s *syncthingPair) processes() (all []*process) {
	for _, p := range s.both {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

func (s *syncthingPair) stop() {
	for _, p := range s.processes() {
		p.stop()
	}
}
