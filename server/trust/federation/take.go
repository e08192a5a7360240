package federation

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/store"
	"github.com/concord-access/terraform-provider-concord/server/trust"
)

// Take keeps what a partner told over a link that proved to be its own, durably, and says whether it changed anything; the
// caller then has it put in force. On an error, a fault of code bundle_refused where the document is at fault, all stays as
// it was.
func (b *Book) Take(ctx context.Context, clusterID string, d Document) (changed bool, err error) {
	b.taking.Lock()
	defer b.taking.Unlock()
	others, declared, err := b.around(ctx, clusterID)
	if err != nil {
		return false, err
	}
	id := mdc.FoldName(clusterID)
	b.mu.Lock()
	decided := b.pending[id]
	b.mu.Unlock()
	err = b.c.Store.Update(ctx, func(w store.Writer) error {
		rec, err := b.read(w, id)
		if err != nil {
			return err
		}
		if rec == nil {
			rec = &record{}
		}
		next, err := b.merge(clusterID, *rec, d, declared, others)
		if err != nil {
			return err
		}
		if changed = next != nil; !changed {
			return nil
		}
		return writeRecord(w, id, next)
	})
	if err != nil {
		return false, fmt.Errorf("take what %s told: %w", clusterID, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if changed && b.pending[id] == decided { // it is written with what was taken
		delete(b.pending, id)
	}
	return changed, nil
}

// Retires says whether a document takes a root out of the bundle that is held.
func (b *Book) Retires(ctx context.Context, clusterID string, d Document) bool {
	held, err := b.Standing(ctx, clusterID)
	if err != nil || d.Bundle == nil {
		return false
	}
	_, roots, err := rootsOf(d.Bundle)
	return err == nil && slices.ContainsFunc(held.Roots, func(c *x509.Certificate) bool { return !slices.ContainsFunc(roots, c.Equal) })
}

// around reads what a partner's roots are compared with: the anchors of everybody else, and what is declared for itself.
func (b *Book) around(ctx context.Context, clusterID string) (others, declared []*x509.Certificate, err error) {
	partners, certificates, err := b.declared(ctx)
	if err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(partners, func(p mdc.Partner) bool { return mdc.SameName(p.ClusterID, clusterID) }) {
		return nil, nil, refuse("The data center %q is not a registered partner.", clusterID)
	}
	if declared = trust.Declared(clusterID, certificates); len(declared) == 0 {
		return nil, nil, refuse("No certificate is declared for %s.", clusterID)
	}
	for _, t := range certificates {
		if t.Partner != "" && !mdc.SameName(t.Partner, clusterID) {
			others = append(others, trust.Declared(t.Partner, []mdc.TrustedCertificate{t})...)
		}
	}
	all, err := b.Learned(ctx)
	if err != nil {
		return nil, nil, err
	}
	for id, l := range all {
		if id != mdc.FoldName(clusterID) {
			others = append(others, l.Roots...)
		}
	}
	return append(others, b.c.Own()...), declared, nil
}

// merge gives the record that follows from d, nil when nothing changes.
func (b *Book) merge(clusterID string, rec record, d Document, declared, others []*x509.Certificate) (*record, error) {
	l := rec.learned()
	if l.Damaged {
		return nil, errDamaged
	}
	if rec.Sequence != 0 && !l.Continues(declared) {
		rec = record{Lists: rec.Lists}
		l = trust.Learned{}
	}
	next, changed := rec, false
	if d.Bundle != nil {
		roots, err := b.checkBundle(clusterID, rec, l, d, declared, others)
		if err != nil {
			return nil, err
		}
		// What arrives may be the answer to a question of before another root was declared: it must not outlive that declaration.
		if rec.Sequence == 0 && !leadTo(roots, declared) {
			return nil, refuse("None of the roots that %s tells is declared for it, or has signed what is.", clusterID)
		}
		if changed = d.Sequence > rec.Sequence; changed {
			next.Sequence, next.Roots = d.Sequence, raws(roots)
			next.Retired = raws(b.retired(l, roots, declared))
			l.Roots = roots
		}
	}
	if d.Lists != nil {
		anchors := slices.DeleteFunc(slices.Concat(l.Roots, declared), (trust.Learned{Retired: mustParse(next.Retired)}).Withdrawn)
		lists, err := b.checkLists(rec.Lists, d.Lists, anchors)
		if err != nil {
			return nil, err
		}
		changed = changed || !slices.EqualFunc(lists, rec.Lists, func(x, y List) bool { return bytes.Equal(x.List, y.List) }) || d.Number != rec.Number
		next.Lists, next.Number = lists, d.Number
	}
	if !changed {
		return nil, nil
	}
	next.Pins = fingerprints(declared)
	return &next, nil
}

// leadTo says whether a declared certificate is one of the roots, or below one by way of the declared.
func leadTo(roots, declared []*x509.Certificate) bool {
	return slices.ContainsFunc(declared, func(c *x509.Certificate) bool {
		return slices.ContainsFunc(roots, func(r *x509.Certificate) bool { return r.Equal(c) || c.CheckSignatureFrom(r) == nil })
	})
}

func (b *Book) checkBundle(clusterID string, rec record, l trust.Learned, d Document, declared, others []*x509.Certificate) ([]*x509.Certificate, error) {
	sequence, roots, err := rootsOf(d.Bundle)
	if err != nil {
		return nil, err
	}
	switch same := slices.Equal(fingerprints(roots), fingerprints(l.Roots)); {
	case sequence != d.Sequence || sequence == 0:
		return nil, refuse("The bundle does not carry the sequence under which it was sent.")
	case sequence < rec.Sequence:
		return nil, refuse("The bundle has sequence %d, older than %d, which is held: was that data center restored from a backup? Register it again.", sequence, rec.Sequence)
	case sequence == rec.Sequence && !same:
		return nil, refuse("The bundle has sequence %d like the one that is held, and other roots.", sequence)
	}
	for _, c := range roots {
		if err := soundRoot(c, clusterID, b.c.Clock.Now()); err != nil {
			return nil, err
		}
		believed := slices.ContainsFunc(slices.Concat(declared, l.Roots), c.Equal)
		if !believed && slices.ContainsFunc(others, func(o *x509.Certificate) bool { return sameAuthority(o, c) }) {
			return nil, refuse("The bundle holds %s, which is the root of another data center.", mdc.Fingerprint(c))
		}
	}
	return roots, nil
}

// retired are the roots that were named once and are not any more: those that keep a declared certificate from counting first, since one
// that is forgotten counts again, then the latest.
func (b *Book) retired(l trust.Learned, roots, declared []*x509.Certificate) (out []*x509.Certificate) {
	var others []*x509.Certificate
	for _, c := range slices.Concat(l.Roots, l.Retired) {
		again := slices.ContainsFunc(roots, c.Equal) || slices.ContainsFunc(out, c.Equal) || slices.ContainsFunc(others, c.Equal)
		switch {
		case again || !b.c.Clock.Now().Before(c.NotAfter):
		case slices.ContainsFunc(declared, (trust.Learned{Retired: []*x509.Certificate{c}}).Withdrawn):
			out = append(out, c)
		default:
			others = append(others, c)
		}
	}
	out = append(out, others...)
	return out[:min(len(out), maxRetired)]
}

// checkLists verifies what was told and lays it over what is held: a number only grows, and the list of an issuer that is
// not told any more stays.
func (b *Book) checkLists(held, told []List, anchors []*x509.Certificate) ([]List, error) {
	size := 0
	for _, l := range told {
		size += len(l.List) + len(l.Issuer)
	}
	if len(told) > MaxLists || size > MaxList {
		return nil, refuse("The revocation lists are more than %d, or longer than %d bytes together.", MaxLists, MaxList)
	}
	out := slices.Clone(held)
	for _, l := range told {
		issuer, list, err := l.read(anchors, b.c.Clock.Now())
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(out, func(h List) bool { return sameIssuer(h, issuer) })
		switch {
		case at < 0:
			out = append(out, l)
		case list.Number.Cmp(numberOf(out[at])) < 0:
			return nil, refuse("A revocation list has number %s, older than the one that is held.", list.Number)
		default:
			out[at] = l
		}
	}
	// A list under a root that was retired is of no more use: nothing that its issuer signed is accepted.
	out = slices.DeleteFunc(out, func(l List) bool {
		_, _, err := l.read(anchors, b.c.Clock.Now())
		return err != nil
	})
	if len(out) > 2*MaxLists {
		return nil, refuse("Revocation lists of more than %d issuers are held.", 2*MaxLists)
	}
	return out, nil
}

func sameIssuer(l List, issuer *x509.Certificate) bool {
	c, err := x509.ParseCertificate(l.Issuer)
	return err == nil && bytes.Equal(c.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo)
}

func sameAuthority(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

func raws(all []*x509.Certificate) (out [][]byte) {
	for _, c := range all {
		out = append(out, c.Raw)
	}
	return out
}

// mustParse reads what this package wrote; what it cannot read is left out, and was found by learned before.
func mustParse(ders [][]byte) []*x509.Certificate {
	out, _ := parseAll(ders)
	return out
}
