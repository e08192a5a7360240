package testkit

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/client"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// Do asks the admin listener with the bootstrap token.
func (d *DataCenter) Do(r client.Request) (client.Response, error) {
	d.t.Helper()
	admin := d.Admin()
	defer admin.Close() // a long run would hold more connections than the listener keeps
	return admin.Do(d.t.Context(), r)
}

// Rotate makes a step of the rotation of the root, "" for the one that is due.
func (d *DataCenter) Rotate(step string, force bool) (out wire.RotateOutcome, err error) {
	d.t.Helper()
	_, err = d.Fresh().Do(client.Request{Method: http.MethodPost, Path: "/v1/trust/bundle/rotate", In: wire.Rotate{Step: step, Force: force}, Out: &out})
	return out, err
}

// Rotation tells how far the rotation of the root is.
func (d *DataCenter) Rotation() wire.RootRotation {
	d.t.Helper()
	var v wire.TrustBundle
	d.Fresh().Get("/v1/trust/bundle", &v)
	return v.Rotation
}

// RotateAll replaces the root: every step as soon as it is made without force.
func (d *DataCenter) RotateAll(between func(step string)) {
	d.t.Helper()
	for _, step := range []string{"publish", "switch", "retire"} {
		d.Within(patience, step+" is ready", func() bool { return d.Rotation().Ready })
		if _, err := d.Rotate(step, false); err != nil {
			d.t.Fatalf("%s at %s: %v", step, d.ClusterID, err)
		}
		between(step)
	}
}

// Put writes an object; the test fails when it is refused.
func (d *DataCenter) Put(path string, in any) client.Response {
	d.t.Helper()
	res, err := d.Do(client.Request{Method: http.MethodPut, Path: path, In: in})
	if err != nil {
		d.t.Fatalf("put %s at %s: %v", path, d.ClusterID, err)
	}
	return res
}

// Get reads an object; the test fails when it cannot be read.
func (d *DataCenter) Get(path string, out any) client.Response {
	d.t.Helper()
	res, err := d.Do(client.Request{Method: http.MethodGet, Path: path, Out: out})
	if err != nil {
		d.t.Fatalf("get %s at %s: %v", path, d.ClusterID, err)
	}
	return res
}

// Delete removes an object; the test fails when that is refused.
func (d *DataCenter) Delete(path string) {
	d.t.Helper()
	if _, err := d.Do(client.Request{Method: http.MethodDelete, Path: path}); err != nil {
		d.t.Fatalf("delete %s at %s: %v", path, d.ClusterID, err)
	}
}

// View reads what the data center says of itself.
func (d *DataCenter) View() (v wire.DataCenterView) {
	d.t.Helper()
	d.Get("/v1/data-center", &v)
	return v
}

// Sessions lists a user's sessions here; "" lists all.
func (d *DataCenter) Sessions(user string) []wire.SessionView {
	d.t.Helper()
	all, err := client.All[wire.SessionView](d.t.Context(), d.Admin(), "/v1/sessions", url.Values{"user": {user}})
	if err != nil {
		d.t.Fatalf("list sessions at %s: %v", d.ClusterID, err)
	}
	return all
}

// Within waits until ok, or fails the test.
func (d *DataCenter) Within(limit time.Duration, what string, ok func() bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), limit)
	defer cancel()
	Eventually(ctx, d.t, d.ClusterID+": "+what, ok)
}

// Password is every test user's.
const Password = "correct horse battery"

// User writes an enabled user with Password.
func (d *DataCenter) User(name string, groups ...string) {
	d.t.Helper()
	d.Put(client.Path("v1", "users", name), wire.User{Name: name, Password: Password, Groups: groups})
}

// Application registers an agent and an application on origin that every signed-in user may open, and speaks for the agent.
func (d *DataCenter) Application(agent, origin string) Application {
	d.t.Helper()
	_, host, _ := strings.Cut(origin, "://")
	secret := "secret-of-agent-" + agent
	d.Put(client.Path("v1", "agents", agent), wire.Agent{Name: agent, Hosts: []string{origin}, Secret: secret})
	d.Put(client.Path("v1", "applications", agent), wire.Application{Name: agent, Hosts: []string{host},
		Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}}}})
	return Application{At: d, Agent: agent, Secret: secret, Origin: origin}
}

// Scheme declares an authentication scheme of these methods, each against the local store.
func (d *DataCenter) Scheme(name string, level int, methods ...string) {
	d.t.Helper()
	s := wire.AuthenticationScheme{Name: name, Level: &level}
	for _, m := range methods {
		s.Steps = append(s.Steps, wire.SchemeStep{Method: m})
	}
	d.Put(client.Path("v1", "authentication-schemes", name), s)
}

// Asks is Application that asks for an authentication scheme.
func (d *DataCenter) Asks(agent, origin, scheme string) Application {
	d.t.Helper()
	a := d.Application(agent, origin)
	_, host, _ := strings.Cut(origin, "://")
	d.Put(client.Path("v1", "applications", agent), wire.Application{Name: agent, Hosts: []string{host},
		Resources: map[string]wire.Resource{"all": {Paths: []string{"/**"}, AuthenticationScheme: scheme}}})
	return a
}

// Through is the same application asked at another data center, such as the agent's secondary.
func (a Application) Through(d *DataCenter) Application {
	a.At = d
	return a
}
