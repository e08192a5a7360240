package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// PortStep is how far the ports of two neighbouring development data centers lie apart: each takes admin, runtime and
// peer from its first port on, and the rest is left free for later listeners.
const PortStep = 10

// Dev is the file dev.json: the data centers that `concord dev` laid out, for scripts, Terraform variables and tests.
type Dev struct {
	DataCenters []DevDataCenter `json:"data_centers"`
}

// DevDataCenter is one of them. Every path is absolute.
type DevDataCenter struct {
	ClusterID  string `json:"cluster_id"`
	AdminURL   string `json:"admin_url"`
	RuntimeURL string `json:"runtime_url"`
	PeerURL    string `json:"peer_url"`
	TokenFile  string `json:"token_file"`
	CACertFile string `json:"ca_cert_file"`
	ConfigFile string `json:"config_file"`
}

// DevNodes lays out one unlinked data center an id on loopback, below dir: the n-th takes base+10·n for admin, +1 runtime,
// +2 peer. It writes nothing.
func DevNodes(dir string, ids []string, base int) ([]*Node, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", dir, err)
	}
	if len(ids) == 0 {
		return nil, errors.New("name at least one data center")
	}
	if last := base + PortStep*(len(ids)-1) + 2; base < 1 || last > 65535 {
		return nil, fmt.Errorf("base port %d needs ports up to %d; they have to lie between 1 and 65535", base, last)
	}
	seen := map[string]string{}
	nodes := make([]*Node, len(ids))
	for i, id := range ids {
		fold := mdc.FoldName(id)
		if !mdc.ValidClusterID(id) {
			return nil, fmt.Errorf("%q is no cluster id: 1 to 63 letters and digits, starting with a letter", clip(id))
		}
		if first, taken := seen[fold]; taken {
			return nil, fmt.Errorf("%q and %q are the same cluster id: case does not count", first, id)
		}
		seen[fold] = id
		nodes[i] = devNode(abs, id, base+PortStep*i)
	}
	return nodes, nil
}

func devNode(dir, id string, port int) *Node {
	n := Defaults()
	n.ClusterID = id
	n.NodeName = strings.ToLower(id[:min(len(id), 62)]) + "1" // a node's name may have 63 characters too
	n.DataDir = filepath.Join(dir, id, "data")
	for i, name := range ListenerNames() {
		a := net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i))
		*n.listener(name) = Listener{Address: a, Advertise: a}
	}
	n.Log.Format = FormatText
	n.Outbound.AllowLoopback = true // the others are on this machine
	return n
}

// WriteDev writes DIR/<id>/concord.hcl for each node and then DIR/dev.json, which names them; so whoever finds dev.json
// finds the rest.
func WriteDev(dir string, nodes []*Node) (*Dev, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", dir, err)
	}
	d := &Dev{}
	for _, n := range nodes {
		file := filepath.Join(abs, n.ClusterID, "concord.hcl")
		if err := WriteNode(file, n); err != nil {
			return nil, err
		}
		d.DataCenters = append(d.DataCenters, DevDataCenter{ClusterID: n.ClusterID, AdminURL: "https://" + n.Admin.Advertise,
			RuntimeURL: "https://" + n.Runtime.Advertise, PeerURL: "https://" + n.Peer.Advertise,
			TokenFile: n.TokenFile(), CACertFile: n.CAFile(), ConfigFile: file})
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode dev.json: %w", err)
	}
	return d, writeWhole(filepath.Join(abs, "dev.json"), append(text, '\n'))
}

// ReadDev reads DIR/dev.json.
func ReadDev(dir string) (*Dev, error) {
	text, err := os.ReadFile(filepath.Join(dir, "dev.json")) //nolint:gosec // the caller names the folder
	if err != nil {
		return nil, fmt.Errorf("read dev.json: %w", err)
	}
	d := &Dev{}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("read dev.json: %w", err)
	}
	return d, nil
}
