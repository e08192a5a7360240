package function

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/provider/function/oam"
)

type parseOAMProperties struct{}

func newParseOAMProperties() function.Function { return parseOAMProperties{} }

// Metadata names the function.
func (parseOAMProperties) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_oam_properties"
}

// Definition describes the function.
func (parseOAMProperties) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	list := types.ListType{ElemType: types.StringType}
	resp.Definition = function.Definition{
		Summary: "Values of an Oracle Access Manager property file, by Concord's attributes",
		MarkdownDescription: "Reads a property file of Oracle Access Manager's multi-data-center mode: `partnerInfo.properties`, which registers a data center, or `oamMDCProperty.properties`, which sets the session policy. " +
			"It gives an object with the names of Concord's attributes; an attribute is null where the file does not say it, or says `NA`.\n\n" + table +
			"\nThe function reads and does not judge: whether a value is allowed is said by the resource that takes it. `unknown` lists the keys that are none of Oracle's. `notes` says, a sentence each, what has no counterpart (`keyStorePath`, `keystorePassword`, `globalPassPhrase`, `agentVersion`) and what to look after. " +
			"Keys that stand twice, placeholders of the manual such as `<true/false>`, and broken escapes are refused with their line. At most 65,536 bytes and 1,000 properties are read.\n\n" +
			"What holds a password is as secret as the file: with `sensitive(file(…))` the whole object is sensitive, outputs of it need `sensitive = true`, and it cannot stand in an error message. Of an ephemeral text only `passphrase` is of use, for `passphrase_wo`.",
		Parameters: []function.Parameter{function.StringParameter{Name: "text",
			MarkdownDescription: "The file's text, in UTF-8, with the comments, continued lines and escapes of Java's properties."}},
		Return: function.ObjectReturn{AttributeTypes: map[string]attr.Type{
			"cluster_id": types.StringType, "agent_id": types.StringType, "primary": list, "secondary": list, "security_mode": types.StringType, "passphrase": types.StringType,
			"trusted_certificates": list, "rest_endpoint": types.StringType, "anchored": types.BoolType, "retrieve_on_demand": types.BoolType, "reauthenticate": types.BoolType,
			"retrieval_max_attempts": types.Int64Type, "retrieval_max_wait": types.StringType, "continue_on_sync_failure": types.BoolType, "gito_cookie_domain": types.StringType,
			"unknown": list, "notes": list,
		}},
	}
}

const table = "| key | attribute |\n|---|---|\n" +
	"| `remoteDataCentreClusterId`, `oamMdcAgentId` | `cluster_id`, `agent_id` |\n" +
	"| `PrimaryHostPort`, `SecondaryHostPort` | `primary`, `secondary`: lists; commas separate several |\n" +
	"| `oamMdcSecurityMode` | `security_mode`: `open`, `simple` or `cert` |\n" +
	"| `AccessClientPasswd` | `passphrase`, every character of it |\n" +
	"| `trustStorePath` | `trusted_certificates`: a list with the path of the Java key store, which Terraform does not read |\n" +
	"| `RESTEndpoint` | `rest_endpoint` |\n" +
	"| `SessionMustBeAnchoredToDataCenterServicingUser` | `anchored` |\n" +
	"| `SessionDataRetrievalOnDemand` | `retrieve_on_demand` |\n" +
	"| `SessionDataRetrievalOnDemandMax_retry_attempts` | `retrieval_max_attempts` |\n" +
	"| `SessionDataRetrievalOnDemandMax_conn_wait_time` | `retrieval_max_wait`: a bare number is milliseconds |\n" +
	"| `Reauthenticate` | `reauthenticate` |\n" +
	"| `SessionContinuationOnSyncFailure` | `continue_on_sync_failure`: `true` continues |\n" +
	"| `MDCGitoCookieDomain` | `gito_cookie_domain`, without the leading dot |\n"

// Run reads the text.
func (parseOAMProperties) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	p, err := oam.Parse(text)
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, p)
}
