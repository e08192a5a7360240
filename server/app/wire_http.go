package app

import (
	"context"

	"github.com/concord-access/terraform-provider-concord/server/admission"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/enrolment"
	"github.com/concord-access/terraform-provider-concord/server/httpapi"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
	"github.com/concord-access/terraform-provider-concord/server/policy"
)

func (n *Node) wireHTTP(context.Context) error {
	var err error
	n.admission = admission.New()
	if n.people, err = n.openPeople(); err != nil {
		return err
	}
	n.service, err = configuration.New(configuration.Config{Log: n.journal, Audit: n.acts, ClusterID: n.cfg.ClusterID, Site: policy.Site,
		Hash: n.people.hasher.Hash, Master: n.partners.MasterAddress, Guards: n.guards(), Clock: n.opts.Clock, Wrapper: n.key,
		Before: map[string]configuration.Before{mdc.UserKind().Name: {Needs: endsSignOns, Do: n.endSignOns}}})
	if err != nil {
		return err
	}
	administrators, err := n.administrators(n.people)
	if err != nil {
		return err
	}
	tester, validator, err := n.checks()
	if err != nil {
		return err
	}
	desk, err := enrolment.New(enrolment.Config{Store: n.state, Audit: n.acts, Clock: n.opts.Clock})
	if err != nil {
		return err
	}
	inspector, err := n.inspector()
	if err != nil {
		return err
	}
	pages, err := readPages(n.cfg.Pages)
	if err != nil {
		return err
	}
	n.handlers, err = httpapi.New(httpapi.Config{
		ClusterID:      n.cfg.ClusterID,
		NodeName:       n.cfg.NodeName,
		Version:        n.opts.Version,
		Addresses:      n.Addresses,
		Mode:           n.modes.now,
		Pairings:       n.pairings,
		Gate:           n.gate,
		Insecure:       n.listeners[1].tls == nil,
		Logger:         n.log,
		Clock:          n.opts.Clock,
		Administrators: administrators,
		AdminRoots:     n.listeners[0].clients.roots,
		RuntimeRoots:   n.listeners[1].clients.roots,
		Audit:          n.audit,
		Trail:          n.trail,
		Events:         n.events,
		AuditPeers:     auditPeers{partnerIDs{n.model, n.log}, n.links},
		Readiness:      n.reasons,
		Cursors:        n.ring,
		Epoch:          n.epochs.Epoch,
		Journal:        n.journal,
		Configuration:  n.service,
		Agreements:     n.agreement,
		Mastership:     n.mastership,
		MastershipKey:  n.signer.Public(),
		Partners:       n.partners,
		Clones:         cloneCalls{n.links},
		Refused:        n.refusals.note,
		Proved:         n.callers.proved,
		Tester:         tester,
		Validator:      validator,
		Inspector:      inspector,
		Feed:           n.feed,
		Follower:       n.follower,
		Keys:           n.keys,
		CookieKeys:     n.keeper,
		Nodes:          n.members,
		Blobs:          n.blobs,
		Fetcher:        n.fetcher,
		Trust:          n.trust,
		Book:           n.book,
		Publisher:      n.publisher,
		Refresher:      n.refresher,
		Rotation:       n.rotation,
		Desk:           desk,
		Joiner:         joiner{n.dialer.DialContext},
		Authority:      n.authority,
		Sessions:       n.engine,
		Assertions:     n.assertions,
		Sisters:        sisters{partnerIDs{n.model, n.log}, n.links},
		Users:          n.people.users,
		Passwords:      n.people.changes,
		Proxies:        n.cfg.Runtime.TrustedProxies,
		Guesses:        n.people.tally,
		OwnGuesses:     n.people.counter,
		AgentSecrets:   n.people.agents,
		Directory:      directory{n.model, n.directories},
		Model:          n.model,
		Pages:          pages,
		Admission:      n.admission,
	})
	return err
}
