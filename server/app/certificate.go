package app

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// certificateFile is an operator's own certificate for a listener. It is read at the start and at each reload.
type certificateFile struct {
	cert, key string
	current   atomic.Pointer[tls.Certificate]
}

func openCertificateFile(cert, key string) (*certificateFile, error) {
	f := &certificateFile{cert: cert, key: key}
	return f, f.load()
}

// load reads the pair again; on an error the former one stays in use.
func (f *certificateFile) load() error {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("load certificate %s: %w", f.cert, err)
	}
	f.current.Store(&pair)
	return nil
}

func (f *certificateFile) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

// reload reads the certificate files again, and those of the pages' looks. New connections see the new ones; open ones stay as they are.
func (n *Node) reload() {
	n.reloadPages()
	for _, l := range n.listeners {
		if l.clients != nil {
			if err := l.clients.load(); err != nil {
				n.log.Error("reload failed; no client certificate of the operator's own authority is accepted until it succeeds", "listener", l.name, "error", err)
			}
		}
		if l.file == nil {
			continue
		}
		if err := l.file.load(); err != nil {
			n.log.Error("reload failed; the former certificate stays in use", "listener", l.name, "error", err)
			continue
		}
		n.log.Info("certificate reloaded", "listener", l.name, "file", l.file.cert)
	}
}
