package function

import "github.com/hashicorp/terraform-plugin-framework/function"

// All makes every function.
func All() []func() function.Function {
	return []func() function.Function{newCertificateFingerprint, newParseOAMProperties}
}
