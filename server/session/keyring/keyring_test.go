package keyring_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/clock"
	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/journal"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/session/keyring"
	"github.com/concord-access/terraform-provider-concord/server/session/seal"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/store/badger"
)

// master is a master with a clone that acknowledges what the test says.
type master struct {
	t      testing.TB
	clock  *clock.Manual
	log    *journal.Log
	keeper *keyring.Keeper

	mu    sync.Mutex // guards all below
	has   map[string]keyring.Target
	moved chan struct{}
	acts  []string
}

type plain struct{}

func (plain) Wrap(b, _ []byte) ([]byte, error)   { return b, nil }
func (plain) Unwrap(b, _ []byte) ([]byte, error) { return b, nil }

func newMaster(t testing.TB, clones ...string) *master {
	t.Helper()
	m := &master{t: t, clock: clock.NewManual(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), has: map[string]keyring.Target{}, moved: make(chan struct{})}
	s, err := badger.Open(badger.Config{Dir: t.TempDir(), MemTableBytes: 8 << 20, CacheBytes: 1 << 20, Clock: m.clock, MinFree: -1})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	m.log, err = journal.New(t.Context(), journal.Config{Store: s, Wrapper: plain{}, ClusterID: "NYDC", Clock: m.clock})
	must(t, err)
	m.role(mdc.RoleMaster)
	must(t, m.log.Update(t.Context(), func(tx *journal.Tx) error {
		for _, purpose := range mdc.Purposes() {
			k, err := keyring.Fresh(purpose, m.clock.Now(), 12*time.Hour)
			if err != nil {
				return err
			}
			if err := tx.Put(mdc.KeysetKind(), k, "test"); err != nil {
				return err
			}
		}
		return nil
	}))
	for _, id := range clones {
		m.has[id] = keyring.Target{ClusterID: id, Heard: m.clock.Now()}
	}
	m.keeper, err = keyring.New(keyring.Config{ClusterID: "NYDC", Log: m.log, Targets: m, Lifetime: func() time.Duration { return 12 * time.Hour },
		Master: func() string { return "https://master.example" }, Clock: m.clock, Logger: slog.New(slog.DiscardHandler),
		Audit: func(_ store.Writer, _ keyring.Actor, action, target string) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.acts = append(m.acts, action+" "+target)
			return nil
		}})
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.keeper.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return m
}

func (m *master) role(role string) {
	must(m.t, m.log.Update(m.t.Context(), func(tx *journal.Tx) error {
		return tx.Put(mdc.DataCenterKind(), &mdc.DataCenter{ClusterID: "NYDC", Role: role}, "test")
	}))
}

func (m *master) Targets(*journal.Snapshot) (out []keyring.Target, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.has {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b keyring.Target) int { return strings.Compare(a.ClusterID, b.ClusterID) })
	return out, nil
}

func (m *master) Moved() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.moved
}

// follows lets a clone have everything.
func (m *master) follows(id string) {
	p, err := m.log.Position(m.t.Context())
	must(m.t, err)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.has[id] = keyring.Target{ClusterID: id, Has: p.Sequence, Heard: m.clock.Now()}
	close(m.moved)
	m.moved = make(chan struct{})
}

func (m *master) keys(purpose string) (out []keyring.Key) {
	s, err := m.keeper.State(m.t.Context())
	must(m.t, err)
	for _, k := range s.Keys {
		if k.Purpose == purpose {
			out = append(out, k)
		}
	}
	return out
}

func (m *master) states(purpose string) (out []string) {
	for _, k := range m.keys(purpose) {
		out = append(out, k.State)
	}
	return out
}

// until waits for the states of a purpose's keys, the oldest first.
func (m *master) until(purpose string, want ...string) {
	m.t.Helper()
	end := time.After(20 * time.Second)
	for !slices.Equal(m.states(purpose), want) {
		select {
		case <-end:
			m.t.Fatalf("%s has %v, not %v", purpose, m.states(purpose), want)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// FLT-23: by itself each key is followed by another after 30 days: distributed, used when every clone has it, and destroyed when
// what it sealed has expired. Nothing is begun twice.
func TestKeysRotateOnSchedule(t *testing.T) {
	t.Parallel()
	m := newMaster(t, "LDC")
	m.clock.Advance(keyring.Every - time.Minute)
	m.until("agent", mdc.KeyActive)
	m.clock.Advance(time.Minute)
	for _, purpose := range mdc.Purposes() {
		m.until(purpose, mdc.KeyActive, mdc.KeyPending)
	}
	if k := m.keys("agent")[1]; !slices.Equal(k.Missing, []string{"LDC"}) {
		t.Errorf("missing at %v", k.Missing)
	}
	m.follows("LDC")
	for _, purpose := range mdc.Purposes() {
		m.until(purpose, mdc.KeyRetired, mdc.KeyActive)
	}
	retired := m.keys("agent")[0]
	if want := retired.EndedAt.Add(12*time.Hour + 30*time.Second); !retired.OpensUntil.Equal(want) {
		t.Errorf("a retired key opens until %s, want %s", retired.OpensUntil, want)
	}
	if device := m.keys(mdc.PurposeDevice)[0]; !device.OpensUntil.Equal(device.EndedAt.Add(mdc.DeviceLife + 30*time.Second)) {
		t.Errorf("the key of cookies that last %s opens until %s", mdc.DeviceLife, device.OpensUntil)
	}
	m.clock.Advance(12*time.Hour + 29*time.Second)
	m.until("agent", mdc.KeyRetired, mdc.KeyActive)
	m.clock.Advance(2 * time.Second)
	m.until("agent", mdc.KeyActive)
	sealing, all, err := seal.KeysOf(m.keyset("agent").Keyset)
	if err != nil || len(all) != 1 || sealing != m.keys("agent")[0].ID {
		t.Errorf("the keyset has %v, %v", all, err)
	}
}

func (m *master) keyset(purpose string) (k *mdc.Keyset) {
	must(m.t, m.log.View(m.t.Context(), func(v *journal.Snapshot) error {
		o, err := v.Get(mdc.KeysetKind(), purpose)
		if err != nil {
			return err
		}
		k, err = mdc.As[*mdc.Keyset](o)
		return err
	}))
	return k
}

// A clone that has been silent for an hour holds no rotation up; one that answers does.
func TestRotationGoesOnWithoutTheSilent(t *testing.T) {
	t.Parallel()
	m := newMaster(t, "LDC", "TYO")
	_, err := m.keeper.Rotate(t.Context(), keyring.Actor{Name: "ann"}, "agent", false)
	must(t, err)
	m.follows("TYO")
	m.until("agent", mdc.KeyActive, mdc.KeyPending)
	m.clock.Advance(keyring.Unreachable + time.Second)
	m.until("agent", mdc.KeyRetired, mdc.KeyActive)
	if k := m.keys("agent")[1]; !slices.Equal(k.Missing, []string{"LDC"}) || !slices.Equal(k.Acknowledged, []string{"NYDC", "TYO"}) {
		t.Errorf("who has it: %v, who has not: %v", k.Acknowledged, k.Missing)
	}
}

// A revoked key is gone from the keyset with all that it sealed, its id stays, and another seals; the act is audited, and keys are
// nowhere in what is shown.
func TestRevokedKeysAreGone(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	was := m.keys("agent")[0].ID
	_, err := m.keeper.Rotate(t.Context(), keyring.Actor{Name: "ann"}, "agent", true)
	must(t, err)
	_, err = m.keeper.Rotate(t.Context(), keyring.Actor{Name: "ann"}, "agent", true)
	must(t, err)
	m.until("agent", mdc.KeyRetired, mdc.KeyRetired, mdc.KeyActive)
	_, err = m.keeper.Revoke(t.Context(), keyring.Actor{Name: "ann"}, keyring.Revocation{KeyID: was})
	must(t, err)
	m.until("agent", mdc.KeyRevoked, mdc.KeyRetired, mdc.KeyActive)
	s, err := m.keeper.Revoke(t.Context(), keyring.Actor{Name: "ann"}, keyring.Revocation{Purpose: "agent"})
	must(t, err)
	m.until("agent", mdc.KeyRevoked, mdc.KeyRevoked, mdc.KeyRevoked, mdc.KeyActive)
	k := m.keyset("agent")
	if _, all, err := seal.KeysOf(k.Keyset); err != nil || len(all) != 1 || !k.Revoked(was) || k.Revoked(all[0]) {
		t.Errorf("the keyset has %v, %v", all, err)
	}
	if got := m.states("code"); !slices.Equal(got, []string{mdc.KeyActive}) {
		t.Errorf("keys of another purpose: %v", got)
	}
	if want := []string{"rotate_force cookie-keys/agent", "rotate_force cookie-keys/agent", "revoke cookie-keys", "revoke cookie-keys/agent"}; !slices.Equal(m.acts, want) {
		t.Errorf("audit: %q", m.acts)
	}
	if b, err := json.Marshal(s); err != nil || strings.Contains(string(b), "keyData") || strings.Contains(string(b), "Keyset") {
		t.Errorf("what is shown: %s, %v", b, err)
	}
	m.role(mdc.RoleClone)
	for name, do := range map[string]func() error{
		"state":  func() error { _, err := m.keeper.State(t.Context()); return err },
		"rotate": func() error { _, err := m.keeper.Rotate(t.Context(), keyring.Actor{}, "", false); return err },
		"revoke": func() error {
			_, err := m.keeper.Revoke(t.Context(), keyring.Actor{}, keyring.Revocation{Force: true})
			return err
		},
	} {
		if err := do(); fault.CodeOf(err) != "not_master" || !strings.Contains(err.Error(), "https://master.example") {
			t.Errorf("%s on a clone: %v", name, err)
		}
	}
}

// G-22: 100 rotations within one lifetime keep every key that may still be needed, and there is a bound beyond that.
func TestManyRotationsAreBounded(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	for range 100 {
		_, err := m.keeper.Rotate(t.Context(), keyring.Actor{Name: "ann"}, "agent", true)
		must(t, err)
	}
	if k := m.keyset("agent"); len(k.Keys) != 101 || len(k.Validate()) > 0 {
		t.Errorf("%d keys, %v", len(k.Keys), k.Validate())
	}
	var err error
	for range mdc.MaxCookieKeys {
		if _, err = m.keeper.Rotate(t.Context(), keyring.Actor{Name: "ann"}, "agent", true); err != nil {
			break
		}
	}
	if k := m.keyset("agent"); fault.CodeOf(err) != "too_many_keys" || len(k.Validate()) > 0 {
		t.Errorf("beyond the bound: %v; %d bytes", err, len(k.Keyset))
	}
	for range 5 {
		_, err := m.keeper.Revoke(t.Context(), keyring.Actor{Name: "ann"}, keyring.Revocation{Purpose: "agent"})
		must(t, err)
	}
	if k := m.keyset("agent"); len(k.Validate()) > 0 {
		t.Errorf("after revocations: %v", k.Validate())
	}
	m.clock.Advance(13 * time.Hour)
	_, err = m.keeper.Rotate(t.Context(), keyring.Actor{Name: "ann"}, "agent", true)
	must(t, err)
}

// What an older version wrote has keys and no account of them: they are described, and go on as they are.
func TestOldKeysetsAreTakenOver(t *testing.T) {
	t.Parallel()
	m := newMaster(t)
	must(t, m.log.Update(t.Context(), func(tx *journal.Tx) error {
		b, err := seal.NewKeyset("agent")
		if err != nil {
			return err
		}
		return tx.Put(mdc.KeysetKind(), &mdc.Keyset{Purpose: "agent", Keyset: b}, "test")
	}))
	m.until("agent", mdc.KeyActive)
	m.clock.Advance(keyring.Every)
	m.until("agent", mdc.KeyRetired, mdc.KeyActive)
}
