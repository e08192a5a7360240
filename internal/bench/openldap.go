package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	peerRounds = 2
	ldapLimit  = 4 * time.Minute // it syncs each entry for itself: a busy disk makes that long
	ldapSuffix = "dc=bench"
	ldapAdmin  = "cn=admin," + ldapSuffix
	ldapSecret = "bench"
)

// slapd finds OpenLDAP's server, which lies outside of most people's PATH.
func slapd() (program string, found bool) {
	for _, name := range []string{"slapd", "/usr/sbin/slapd"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, true
		}
	}
	return "", false
}

// peerOpenLDAP measures what OpenLDAP's syncrepl (refreshAndPersist, one provider, one consumer, mdb, every change synced)
// takes for the same, in turns with ours. It has no goal, and is left out where there is no slapd: nothing is installed.
func peerOpenLDAP(ctx context.Context, s *stage) error {
	program, found := slapd()
	if !found {
		fmt.Fprintln(s.report.out, "skip peer-openldap: there is no slapd (Debian: apt-get install slapd)") //nolint:errcheck // standard output
		return nil
	}
	dcs, err := s.layOut(ctx, names("NYDC", 1+peerRounds), 2+peerRounds)
	if err != nil {
		return err
	}
	master, source, err := s.master(ctx, dcs[0], changeCount)
	if err != nil {
		return err
	}
	_, clone, err := s.server(ctx, dcs[1], dcs[1].ConfigFile)
	if err != nil {
		return err
	}
	if err := errors.Join(join(ctx, master, clone, hostOf(master.center.PeerURL)), follow(ctx, master, clone)); err != nil {
		return err
	}
	peer, err := s.openLDAP(ctx, program)
	if err != nil {
		return err
	}
	if err := besideLag(ctx, s, master, clone, peer); err != nil {
		return err
	}
	if err := besideLive(ctx, s, master, clone, peer); err != nil {
		return err
	}
	var rounds []pair
	for n, dc := range dcs[2:] {
		ours, err := s.firstCopy(ctx, master, source, dc)
		if err != nil {
			return err
		}
		theirs, err := peer.fresh(ctx, fmt.Sprintf("fresh-%d", n), fmt.Sprintf("round-%d", peerRounds-1))
		if err != nil {
			return err
		}
		rounds = append(rounds, pair{milliseconds(ours.took), milliseconds(theirs)})
	}
	s.report.note(judge("peer-openldap/fresh-10k", "ms", rounds, goal{}))
	return nil
}

func besideLag(ctx context.Context, s *stage, master, clone *admin, peer *openLDAP) error {
	l, err := newLag(ctx, master, clone)
	if err != nil {
		return err
	}
	defer l.close()
	var rounds []pair
	for n := range peerRounds * lagChanges {
		ours, err := l.one()
		if err != nil {
			return err
		}
		theirs, err := peer.lag(ctx, fmt.Sprintf("change-%d", n))
		if err != nil {
			return err
		}
		rounds = append(rounds, pair{milliseconds(ours), milliseconds(theirs)})
	}
	s.report.note(judge("peer-openldap/one-change", "ms", rounds, goal{}))
	return nil
}

func besideLive(ctx context.Context, s *stage, master, clone *admin, peer *openLDAP) error {
	var rounds []pair
	for n := range peerRounds {
		mark := fmt.Sprintf("round-%d", n)
		l, err := newLive(ctx, master, clone) // anew: a server closes connections that are idle during the peer's turn
		if err != nil {
			return err
		}
		ours, _, err := l.round(ctx, mark)
		l.close()
		if err != nil {
			return err
		}
		theirs, err := peer.live(ctx, mark)
		if err != nil {
			return err
		}
		rounds = append(rounds, pair{milliseconds(ours), milliseconds(theirs)})
	}
	s.report.note(judge("peer-openldap/live-10k", "ms", rounds, goal{}))
	return nil
}

// openLDAP is a provider with writers, and a consumer with a reader.
type openLDAP struct {
	s        *stage
	program  string
	provider string // address
	writers  []*directory
	consumer *directory
}

// openLDAP starts both and fills them. Connections end with the processes.
func (s *stage) openLDAP(ctx context.Context, program string) (o *openLDAP, err error) {
	o = &openLDAP{s: s, program: program}
	if o.provider, err = o.start(ctx, "provider", "overlay syncprov\nsyncprov-sessionlog 100000\n"); err != nil {
		return nil, err
	}
	for range liveCallers {
		w, err := dialDirectory(ctx, o.provider)
		if err != nil {
			return nil, err
		}
		o.writers = append(o.writers, w)
	}
	if err := o.writers[0].add(ldapSuffix, []string{"objectClass", "dcObject", "organization"}, []string{"o", "bench"}, []string{"dc", "bench"}); err != nil {
		return nil, err
	}
	err = o.each(ctx, func(d *directory, n int) error {
		return d.add(entryOf(n), []string{"objectClass", "organizationalRole"}, []string{"cn", group(n, "").Name}, []string{"description", group(n, "start").Description})
	})
	if err != nil {
		return nil, err
	}
	o.consumer, err = o.replica(ctx, "consumer")
	return o, err
}

func entryOf(n int) string { return "cn=" + group(n, "").Name + "," + ldapSuffix }

// start runs one slapd and gives its address.
func (o *openLDAP) start(ctx context.Context, name, more string) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	address = l.Addr().String()
	_ = l.Close()
	dir := filepath.Join(o.s.dir, "ldap-"+name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	text := fmt.Sprintf("include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload syncprov\npidfile %[1]s/pid\nloglevel none\nsizelimit unlimited\n"+
		"database mdb\nmaxsize 1073741824\nsuffix %[2]q\nrootdn %[3]q\nrootpw %[4]s\ndirectory %[1]s\nindex objectClass,entryCSN,entryUUID eq\n%[5]s",
		dir, ldapSuffix, ldapAdmin, ldapSecret, more)
	conf := filepath.Join(dir, "slapd.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write configuration: %w", err)
	}
	p, err := o.s.start("ldap-"+name, o.program, "-h", "ldap://"+address, "-f", conf, "-d", "0")
	if err != nil {
		return "", err
	}
	return address, until(ctx, 10*time.Second, func(ctx context.Context) error {
		if err := p.ended(); err != nil {
			return err
		}
		d, err := dialDirectory(ctx, address)
		if err == nil {
			d.close()
		}
		return err
	})
}

// replica starts a consumer and waits until it has all.
func (o *openLDAP) replica(ctx context.Context, name string) (*directory, error) {
	address, err := o.start(ctx, name, fmt.Sprintf("syncrepl rid=1 provider=ldap://%s type=refreshAndPersist retry=\"1 +\" searchbase=%q bindmethod=simple binddn=%q credentials=%s\nupdateref ldap://%[1]s\n",
		o.provider, ldapSuffix, ldapAdmin, ldapSecret))
	if err != nil {
		return nil, err
	}
	d, err := dialDirectory(ctx, address)
	if err != nil {
		return nil, err
	}
	return d, o.await(ctx, d, changeCount-1, "")
}

// fresh measures a new consumer, its process's start included, until it shows the last entry.
func (o *openLDAP) fresh(ctx context.Context, name, mark string) (time.Duration, error) {
	begin := time.Now()
	d, err := o.replica(ctx, name)
	if err != nil {
		return 0, err
	}
	defer d.close()
	for n := changeCount - liveCallers; n < changeCount; n++ {
		if err := o.await(ctx, d, n, mark); err != nil {
			return 0, err
		}
	}
	return time.Since(begin), nil
}

// lag changes one entry at the provider and reads it at the consumer, without a pause as ours does.
func (o *openLDAP) lag(ctx context.Context, mark string) (time.Duration, error) {
	if err := o.writers[0].replace(entryOf(0), "description", mark+"."); err != nil {
		return 0, err
	}
	acknowledged := time.Now()
	for time.Since(acknowledged) < lagLimit && ctx.Err() == nil {
		entry, err := o.consumer.read(entryOf(0))
		if err != nil {
			return 0, err
		}
		if bytes.Contains(entry, []byte(mark+".")) {
			return time.Since(acknowledged), nil
		}
	}
	return 0, fmt.Errorf("%q was not at the consumer after %s", mark, lagLimit)
}

// live changes every entry once and waits until the consumer shows the last ones.
func (o *openLDAP) live(ctx context.Context, mark string) (time.Duration, error) {
	begin := time.Now()
	err := o.each(ctx, func(d *directory, n int) error {
		return d.replace(entryOf(n), "description", group(n, mark).Description)
	})
	for n := changeCount - liveCallers; n < changeCount && err == nil; n++ {
		err = o.await(ctx, o.consumer, n, mark)
	}
	return time.Since(begin), err
}

// each does something to every entry, by all writers at once.
func (o *openLDAP) each(ctx context.Context, do func(*directory, int) error) error {
	var all errgroup.Group
	for first, d := range o.writers {
		all.Go(func() error {
			for n := first; n < changeCount && ctx.Err() == nil; n += len(o.writers) {
				if err := do(d, n); err != nil {
					return fmt.Errorf("entry %d: %w", n, err)
				}
			}
			return ctx.Err()
		})
	}
	return all.Wait()
}

// await reads an entry at a consumer until it is there, with the mark if there is one.
func (o *openLDAP) await(ctx context.Context, d *directory, n int, mark string) error {
	return until(ctx, ldapLimit, func(context.Context) error {
		entry, err := d.read(entryOf(n))
		if err == nil && (len(entry) == 0 || mark != "" && !bytes.Contains(entry, []byte(mark+"."))) {
			err = fmt.Errorf("entry %d is not %q at the consumer yet", n, mark)
		}
		return err
	})
}
