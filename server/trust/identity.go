package trust

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

const (
	scheme      = "spiffe://"
	nodeSegment = "/node/"

	maxIdentity = 256 // bytes; two names of 63 fit well

	generalNameURI = 6 // RFC 5280 section 4.2.1.6, GeneralName's tag
)

// identityOf gives cluster id (in lower case) and node name of a peer's leaf.
func identityOf(c *x509.Certificate) (clusterID, node string, err error) {
	return nameIn(c, nodeSegment, mdc.ValidClusterID)
}

// nameIn reads the one URI name of c, spiffe://<cluster id in lower case><segment><name>. It compares bytes, not URLs: a parsed URL
// hides an upper-case scheme, an empty fragment and escapes, each of which is another name to somebody.
func nameIn(c *x509.Certificate, segment string, valid func(string) bool) (clusterID, name string, err error) {
	names, err := uriNames(c)
	if err != nil {
		return "", "", err
	}
	if len(names) != 1 {
		return "", "", errors.New("the certificate does not carry exactly one URI name")
	}
	rest, ok := strings.CutPrefix(names[0], scheme)
	if !ok || len(names[0]) > maxIdentity {
		return "", "", errors.New("the URI name is no SPIFFE id")
	}
	clusterID, name, ok = strings.Cut(rest, segment)
	if !ok || !mdc.ValidClusterID(clusterID) || !valid(name) || clusterID != mdc.FoldName(clusterID) {
		return "", "", errors.New("the URI name is not spiffe://<cluster id in lower case>" + segment + "<name>")
	}
	return clusterID, name, nil
}

// uriNames are the URI names of c as they stand in its subjectAltName extension.
func uriNames(c *x509.Certificate) ([]string, error) {
	var out []string
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var sequence asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &sequence); err != nil || len(rest) > 0 || sequence.Tag != asn1.TagSequence {
			return nil, errors.New("the certificate's names cannot be read")
		}
		for rest := sequence.Bytes; len(rest) > 0; {
			var name asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				return nil, errors.New("the certificate's names cannot be read")
			}
			if name.Class == asn1.ClassContextSpecific && name.Tag == generalNameURI {
				out = append(out, string(name.Bytes))
			}
		}
	}
	return out, nil
}
