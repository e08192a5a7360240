package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/config"
)

// Ports within a data center's ten.
const (
	gatePort = 5
	appPort  = 6
)

// center is one data center with its agent and application.
type center struct {
	config.DevDataCenter
	node      string // name of its one node
	gate      string // host:port of the agent
	app       string // host:port of the application behind it
	agent     string // name of the agent
	role      string // master or clone, as in the example
	secretKey string // file with the agent's secret
}

// origin is where browsers find the application.
func (c *center) origin() string { return "https://" + c.gate }

// layout is the demo's folder.
type layout struct {
	root, dir, logs   string
	terraform         string // folder with the copied example
	cert, key         string // of the agents
	master, clone     *center
	passwords, secret map[string]string // by user; by cluster id
}

// newLayout makes .demo anew: an older state, lock file or data folder must not help or hinder.
func newLayout(ctx context.Context, base int) (*layout, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the repository: %w", err)
	}
	l := &layout{root: root, dir: filepath.Join(root, ".demo")}
	l.logs, l.terraform = filepath.Join(l.dir, "logs"), filepath.Join(l.dir, "terraform")
	l.cert, l.key = filepath.Join(l.dir, "agents.pem"), filepath.Join(l.dir, "agents.key")
	if err := freePorts(base); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(l.dir); err != nil {
		return nil, fmt.Errorf("remove the last demo: %w", err)
	}
	if err := os.MkdirAll(l.logs, 0o750); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w", err)
	}
	l.passwords = map[string]string{"alice": random(), "bob": random()}
	if err := l.dataCenters(ctx, base); err != nil {
		return nil, err
	}
	l.secret = map[string]string{l.master.ClusterID: random(), l.clone.ClusterID: random()}
	return l, l.certificate()
}

// freePorts says before anything starts that somebody else is there, such as a demo that was kept.
func freePorts(base int) error {
	for _, first := range []int{base, base + config.PortStep} {
		for _, n := range []int{0, 1, 2, gatePort, appPort} {
			l, err := net.Listen("tcp", address(first+n))
			if err != nil {
				return fmt.Errorf("port %d is taken (%w); stop what uses it (sh .demo/stop ends a demo that was kept) or set BASE_PORT", first+n, err)
			}
			_ = l.Close()
		}
	}
	return nil
}

// dataCenters lets `concord dev` write the files, as a user would.
func (l *layout) dataCenters(ctx context.Context, base int) error {
	cmd := exec.CommandContext(ctx, filepath.Join(l.root, "bin", "concord"), "dev", "--dir", l.dir,
		"--data-centers", "NYDC,LDC", "--base-port", strconv.Itoa(base), "--write-only")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("concord dev --write-only: %w\n%s", err, out)
	}
	dev, err := config.ReadDev(l.dir)
	if err != nil {
		return err
	}
	if len(dev.DataCenters) != 2 {
		return fmt.Errorf("dev.json names %d data centers, not 2", len(dev.DataCenters))
	}
	if l.master, err = l.center(dev.DataCenters[0], "master", base); err != nil {
		return err
	}
	l.clone, err = l.center(dev.DataCenters[1], "clone", base+config.PortStep)
	return err
}

func (l *layout) center(dc config.DevDataCenter, role string, first int) (*center, error) {
	n, err := config.Load(dc.ConfigFile)
	if err != nil {
		return nil, err
	}
	return &center{DevDataCenter: dc, node: n.NodeName, role: role, agent: "web-" + strings.ToLower(dc.ClusterID),
		gate: address(first + gatePort), app: address(first + appPort), secretKey: filepath.Join(l.dir, role+".secret")}, nil
}

// certificate makes a throw-away certificate for the agents: their cookies carry the __Host- prefix, which needs TLS.
func (l *layout) certificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the agents' key: %w", err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "demo agents"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return fmt.Errorf("make the agents' certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the agents' key: %w", err)
	}
	if err := writePEM(l.cert, "CERTIFICATE", der); err != nil {
		return err
	}
	return writePEM(l.key, "PRIVATE KEY", private)
}

func writePEM(file, kind string, der []byte) error {
	var b bytes.Buffer
	if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return fmt.Errorf("encode %s: %w", file, err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// random is a secret for this run only.
func random() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
