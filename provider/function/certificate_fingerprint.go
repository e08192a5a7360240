package function

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

type certificateFingerprint struct{}

func newCertificateFingerprint() function.Function { return certificateFingerprint{} }

// Metadata names the function.
func (certificateFingerprint) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "certificate_fingerprint"
}

// Definition describes the function.
func (certificateFingerprint) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "SHA-256 fingerprint of a certificate",
		MarkdownDescription: "Gives the SHA-256 of a certificate in the form that Concord writes wherever an attribute is called `fingerprint_sha256`: 64 hexadecimal digits in lower case, without colons. Other tools write it otherwise: `openssl x509 -fingerprint -sha256` in upper case with colons.",
		Parameters: []function.Parameter{function.StringParameter{Name: "pem",
			MarkdownDescription: "Exactly one certificate as PEM text, as `file` gives it or as it stands in an attribute. White space around it does not matter. Several certificates and private keys are refused."}},
		Return: function.StringReturn{},
	}
}

// Run computes it.
func (certificateFingerprint) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	der, err := attr.Certificates(text)
	switch {
	case err != nil:
		resp.Error = function.NewArgumentFuncError(0, "The value "+err.Error()+".")
	case len(der) > 1:
		resp.Error = function.NewArgumentFuncError(0, fmt.Sprintf("The value holds %d certificates; give them one at a time. Each has a fingerprint of its own.", len(der)))
	default:
		sum := sha256.Sum256(der[0])
		resp.Error = resp.Result.Set(ctx, hex.EncodeToString(sum[:]))
	}
}
