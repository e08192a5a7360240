package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// admin is an administrator at one data center.
type admin struct {
	center *center
	client *client.Client
	tls    *tls.Config
}

// newAdmin reads what the first start left: the root and the first token.
func newAdmin(c *center) (*admin, error) {
	root, err := os.ReadFile(c.CACertFile)
	if err != nil {
		return nil, fmt.Errorf("read the root of %s: %w", c.ClusterID, err)
	}
	token, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read the token of %s: %w", c.ClusterID, err)
	}
	t, err := client.TLSFromPEM(string(root), "", "")
	if err != nil {
		return nil, err
	}
	api, err := client.New(client.Config{Endpoint: c.AdminURL, Token: strings.TrimSpace(string(token)), TLS: t,
		UserAgent: "concord-demo", Timeout: 10 * time.Second, MaxRetries: -1})
	if err != nil {
		return nil, err
	}
	return &admin{center: c, client: api, tls: t}, nil
}

func (a *admin) dataCenter(ctx context.Context) (wire.DataCenterView, error) {
	var v wire.DataCenterView
	_, err := a.client.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/data-center", Out: &v})
	return v, err
}

func (a *admin) sessions(ctx context.Context, user string) ([]wire.SessionView, error) {
	return client.All[wire.SessionView](ctx, a.client, "/v1/sessions", url.Values{"user": {user}})
}

func (a *admin) endSession(ctx context.Context, id string) (wire.Receipt, error) {
	var r wire.Receipt
	_, err := a.client.Do(ctx, client.Request{Method: http.MethodDelete, Path: client.Path("v1", "sessions", id), Out: &r})
	return r, err
}

func (a *admin) putGroup(ctx context.Context, g wire.Group) error {
	_, err := a.client.Do(ctx, client.Request{Method: http.MethodPut, Path: client.Path("v1", "groups", g.Name), In: g})
	return err
}

func (a *admin) group(ctx context.Context, name string) (wire.GroupView, error) {
	var v wire.GroupView
	_, err := a.client.Do(ctx, client.Request{Method: http.MethodGet, Path: client.Path("v1", "groups", name), Out: &v})
	return v, err
}

// ready gives an error with the reasons while the data center is not ready. Its 503 is an answer, so it is read directly.
func (a *admin) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.center.AdminURL+"/v1/ready", nil)
	if err != nil {
		return fmt.Errorf("ask %s for readiness: %w", a.center.ClusterID, err)
	}
	token, err := os.ReadFile(a.center.TokenFile)
	if err != nil {
		return fmt.Errorf("read the token of %s: %w", a.center.ClusterID, err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	res, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: a.tls.Clone(), DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return fmt.Errorf("ask %s for readiness: %w", a.center.ClusterID, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read readiness of %s: %w", a.center.ClusterID, err)
	}
	var h wire.Health
	if json.Unmarshal(body, &h) != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %s %s", a.center.ClusterID, res.Status, strings.TrimSpace(string(body)))
	}
	return nil
}

// trust is what the person's browser trusts: both data centers and the agents' throw-away certificate.
func trust(l *layout) (*tls.Config, error) {
	pool := x509.NewCertPool()
	for _, file := range []string{l.master.CACertFile, l.clone.CACertFile, l.cert} {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", file)
		}
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
