package httpapi

import "github.com/concord-access/terraform-provider-concord/internal/wire"

// What the test of the request path compares: by hand and the common way.
func DecodeAuthorize(b []byte, out *wire.AuthorizeRequest) error { return decodeAuthorize(b, out) }

// DecodesByHand says whether decodeAuthorize needs the common way for b.
func DecodesByHand(b []byte) bool {
	f := flat{text: string(b)}
	return ascii(b) && f.authorize(&wire.AuthorizeRequest{})
}

func DecodeStrict(b []byte, out any) error { return decodeStrict(b, out) }

func EncodeAuthorize(a *wire.AuthorizeAnswer) ([]byte, error) { return encodeAuthorize(a) }

// EncodesByHand says whether encodeAuthorize needs the common way for a.
func EncodesByHand(a *wire.AuthorizeAnswer) bool {
	_, ok := appendAuthorize(nil, a)
	return ok
}
