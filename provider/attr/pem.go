package attr

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/concord-access/terraform-provider-concord/internal/privatekey"
)

var (
	_ basetypes.StringTypable                    = PEMType{}
	_ basetypes.StringValuableWithSemanticEquals = PEM{}
	_ xattr.ValidateableAttribute                = PEM{}
)

// Limits of a PEM value, as the server has them.
const (
	maxPEM          = 64 << 10 // bytes
	maxCertificates = 8
)

// PEMType is the type of a PEM text of 1 to 8 certificates.
type PEMType struct{ basetypes.StringType }

// PEM is such a text; two texts with the same certificates in the same order are the same, whatever their white space.
type PEM struct{ basetypes.StringValue }

// PEMValue is the known text s.
func PEMValue(s string) PEM { return PEM{basetypes.NewStringValue(s)} }

// Equal compares types.
func (t PEMType) Equal(o attr.Type) bool {
	_, ok := o.(PEMType)
	return ok
}

// String names the type.
func (PEMType) String() string { return "attr.PEMType" }

// ValueType is the zero value.
func (PEMType) ValueType(context.Context) attr.Value { return PEM{} }

// ValueFromString wraps in.
func (PEMType) ValueFromString(_ context.Context, in basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return PEM{in}, nil
}

// ValueFromTerraform reads a string.
func (t PEMType) ValueFromTerraform(ctx context.Context, in tftypes.Value) (attr.Value, error) {
	v, err := t.StringType.ValueFromTerraform(ctx, in)
	if err != nil {
		return nil, err
	}
	s, ok := v.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("read PEM: got a %T", v)
	}
	return PEM{s}, nil
}

// Type is PEMType.
func (PEM) Type(context.Context) attr.Type { return PEMType{} }

// Equal compares texts; StringSemanticEquals compares certificates.
func (p PEM) Equal(o attr.Value) bool {
	other, ok := o.(PEM)
	return ok && p.StringValue.Equal(other.StringValue)
}

// StringSemanticEquals says whether both hold the same certificates in the same order.
func (p PEM) StringSemanticEquals(_ context.Context, o basetypes.StringValuable) (bool, diag.Diagnostics) {
	other, ok := o.(PEM)
	if !ok {
		return false, nil
	}
	a, errA := Certificates(p.ValueString())
	b, errB := Certificates(other.ValueString())
	return errA == nil && errB == nil && slices.EqualFunc(a, b, bytes.Equal), nil
}

// ValidateAttribute refuses what is no certificate. The text is never repeated, so a pasted key stays out of logs (SEC-68).
func (p PEM) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if p.IsNull() || p.IsUnknown() {
		return
	}
	if _, err := Certificates(p.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a PEM certificate", "The value "+err.Error()+".")
	}
}

// Certificates gives the DER of each certificate of a PEM text, 1 to 8, in its order, under the server's rules. The error is worded to
// follow "the value", and repeats nothing of the text (SEC-68).
func Certificates(text string) ([][]byte, error) {
	if len(text) > maxPEM {
		return nil, fmt.Errorf("is longer than %d bytes", maxPEM)
	}
	if privatekey.In(text) {
		return nil, errors.New("holds a private key; give the certificate only, and consider that key as exposed")
	}
	var der [][]byte
	for rest := bytes.TrimSpace([]byte(text)); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		block, after := pem.Decode(rest)
		if block == nil || !bytes.HasPrefix(rest, []byte("-----BEGIN ")) {
			return nil, errors.New("is not PEM; it starts with -----BEGIN CERTIFICATE-----")
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("holds a PEM block that is no certificate")
		}
		n := len(der) + 1
		if n > maxCertificates {
			return nil, fmt.Errorf("holds more than %d certificates", maxCertificates)
		}
		if privatekey.In(string(block.Bytes)) {
			return nil, errors.New("holds a private key; give the certificate only, and consider that key as exposed")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("holds a certificate (number %d) that cannot be read: %w", n, err)
		}
		der, rest = append(der, block.Bytes), after
	}
	if len(der) == 0 {
		return nil, errors.New("holds no certificate")
	}
	return der, nil
}
