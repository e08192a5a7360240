package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
)

// advice is what to do about an error, and its code.
type advice struct{ code, text string }

// explain makes a fault of a call's error, with what to do about it.
func explain(err error) *fault.Error {
	a, found := answered(err)
	if !found {
		a = unanswered(err)
	}
	e := fault.New(fault.Unavailable, a.code, "%s", a.text)
	e.Err, e.RetryAfter = err, retryAfter
	return e
}

// answered is for what etcd says.
func answered(err error) (advice, bool) {
	for _, known := range []struct {
		of error
		advice
	}{
		{rpctypes.ErrNoSpace, advice{CodeFull, "etcd has used its space quota up and takes no more changes. Compact and defragment it or raise --quota-backend-bytes, then disarm its alarm."}},
		{rpctypes.ErrTooManyOps, advice{CodeRefused, "etcd takes fewer operations in a transaction than its default. Set --max-txn-ops to 128 or more on every member."}},
		{rpctypes.ErrRequestTooLarge, advice{CodeRefused, "etcd takes shorter requests than its default. Set --max-request-bytes to 1572864 or more on every member."}},
		{rpctypes.ErrAuthFailed, advice{CodeRefused, "etcd refuses the user name or the password of this node's store. Compare username and password_file with etcdctl user list."}},
		{rpctypes.ErrPermissionDenied, advice{CodeRefused, "etcd does not let this node read and write under its prefix. Give its user a role with readwrite on the prefix, or set username and password_file."}},
		{rpctypes.ErrUserEmpty, advice{CodeRefused, "etcd wants a user and this node gives none. Set username and password_file, of a user with a role that has readwrite on the prefix."}},
		{rpctypes.ErrInvalidAuthToken, advice{CodeRefused, "etcd does not take the tokens that it gives. Set the same --auth-token, with the same keys, on every member."}},
		{rpctypes.ErrCorrupt, advice{CodeRefused, "etcd reports that its data is corrupt. Replace the member that etcdctl alarm list names."}},
		{rpctypes.ErrNoLeader, noLeader},
	} {
		if errors.Is(err, known.of) || strings.HasSuffix(err.Error(), known.of.Error()) { // a watch gives only the words
			return known.advice, true
		}
	}
	return advice{}, false
}

var noLeader = advice{CodeUnavailable, "etcd has no leader: too few of its members can reach one another. Look at etcdctl endpoint health; this node goes on by itself when there is a quorum again."}

// unanswered is for connections that could not be made, as links notes them.
func unanswered(err error) advice {
	refused := func(text string) advice { return advice{CodeRefused, text} }
	text := err.Error()
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		return refused("The certificate of etcd comes from an authority that this node does not know. Set ca_cert_file to the root certificate of etcd's server certificates.")
	}
	if errors.As(err, new(x509.HostnameError)) {
		return refused("The certificate of etcd is for another name. Write endpoints with a name or an address that the certificate holds, or issue it with the one in endpoints.")
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return refused("The certificate of etcd has expired, or is not valid yet. Renew it on the members, or set the clock of this machine.")
		}
		return refused("The certificate of etcd does not verify. The log says why; compare it with ca_cert_file.")
	}
	if errors.As(err, new(tls.RecordHeaderError)) {
		return refused("etcd answers without TLS. Start its members with --cert-file and --key-file, or write endpoints with http where that is allowed.")
	}
	if errors.Is(err, errClientFiles) {
		return refused("The client certificate of this node cannot be read. Look at client_cert_file and client_key_file.")
	}
	if _, said, ok := strings.Cut(text, tlsAlert); ok {
		return refused(clientCertificate(said))
	}
	if errors.As(err, new(silent)) {
		return refused("What listens at the endpoints of etcd ends the connection. If its members serve TLS, write endpoints with https; if they want client certificates, set client_cert_file and client_key_file.")
	}
	if strings.Contains(text, "no leader") {
		return noLeader
	}
	return advice{CodeUnavailable, "etcd does not answer. Look at its members and at the way to them; this node goes on by itself when a quorum answers again."}
}

// clientCertificate is for the alert that a member answers a handshake with.
func clientCertificate(alert string) string {
	switch {
	case strings.HasPrefix(alert, "certificate required"):
		return "etcd wants a client certificate and this node gives none. Set client_cert_file and client_key_file."
	case strings.HasPrefix(alert, "expired certificate"):
		return "etcd says that the client certificate of this node has expired. Renew client_cert_file; it is read again by itself."
	}
	return "etcd refuses the client certificate of this node. Its authority has to be in the members' --trusted-ca-file, it has to be valid, and of use for client authentication."
}
