package provider

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/concord-access/terraform-provider-concord/provider/attr"
)

var _ resource.ResourceWithModifyPlan = (*certificateResource)(nil)

// What a plan warns of: a certificate that ends soon, and a server's own that its owner replaces soon.
const (
	endsSoon  = 30 * 24 * time.Hour
	shortLife = 90 * 24 * time.Hour
)

// ModifyPlan warns in every plan, also one that changes nothing, before a certificate ends.
func (r *certificateResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.warnEnds(ctx, req, resp)
	r.base.ModifyPlan(ctx, req, resp)
}

func (r *certificateResource) warnEnds(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	at := path.Root("certificate_pem")
	var text attr.PEM
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, at, &text)...)
	if resp.Diagnostics.HasError() || text.IsNull() || text.IsUnknown() {
		return
	}
	for rest := []byte(text.ValueString()); ; {
		block, after := pem.Decode(rest)
		if block == nil {
			return
		}
		rest = after
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return // the validation has said so
		}
		if summary, detail := warning(c, time.Now()); summary != "" {
			resp.Diagnostics.AddAttributeWarning(at, summary, detail)
		}
	}
}

func warning(c *x509.Certificate, now time.Time) (summary, detail string) {
	end, name := c.NotAfter.UTC().Format(time.RFC3339), c.Subject.String()
	switch left := c.NotAfter.Sub(now); {
	case left <= 0:
		return "A trusted certificate has expired", fmt.Sprintf("The certificate of %s ended at %s: nobody can prove itself with it any more. Declare the partner's new one.", name, end)
	case !c.IsCA && c.NotAfter.Sub(c.NotBefore) < shortLife:
		return "A trusted certificate will not hold", fmt.Sprintf("The certificate of %s is a server's own and ends at %s: the link breaks when its owner renews it. Trust the root of that data center instead, as data.concord_trust_bundle gives it.", name, end)
	case left < endsSoon:
		return "A trusted certificate ends soon", fmt.Sprintf("The certificate of %s ends at %s, in %d days. Declare the partner's new one beside it before that: two entries for one partner overlap.", name, end, int(left.Hours()/24))
	}
	return "", ""
}
