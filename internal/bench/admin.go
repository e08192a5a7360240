package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
	"github.com/concord-access/terraform-provider-concord/server/config"
)

// admin is an administrator at one data center.
type admin struct {
	center config.DevDataCenter
	token  string
	tls    *tls.Config // trusts the data center
	client *client.Client
}

// newAdmin reads what the first start left: the root and the first token.
func newAdmin(dc config.DevDataCenter) (*admin, error) {
	root, err := os.ReadFile(dc.CACertFile)
	if err != nil {
		return nil, fmt.Errorf("read the root of %s: %w", dc.ClusterID, err)
	}
	token, err := os.ReadFile(dc.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read the token of %s: %w", dc.ClusterID, err)
	}
	a := &admin{center: dc, token: strings.TrimSpace(string(token))}
	if a.tls, err = client.TLSFromPEM(string(root), "", ""); err != nil {
		return nil, err
	}
	a.client, err = client.New(client.Config{Endpoint: dc.AdminURL, Token: a.token, TLS: a.tls, UserAgent: "concord-bench", Timeout: 30 * time.Second, MaxRetries: -1})
	return a, err
}

func (a *admin) dataCenter(ctx context.Context) (wire.DataCenterView, error) {
	var v wire.DataCenterView
	_, err := a.client.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/data-center", Out: &v})
	return v, err
}

// put creates or replaces an object.
func (a *admin) put(ctx context.Context, in any, path ...string) error {
	_, err := a.client.Do(ctx, client.Request{Method: http.MethodPut, Path: client.Path(append([]string{"v1"}, path...)...), In: in})
	if err != nil {
		return fmt.Errorf("put %s at %s: %w", strings.Join(path, "/"), a.center.ClusterID, err)
	}
	return nil
}

// hostOf gives host:port of a URL.
func hostOf(url string) string {
	_, host, _ := strings.Cut(url, "://")
	return host
}
