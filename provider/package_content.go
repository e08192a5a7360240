package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/concord-access/terraform-provider-concord/internal/client"
)

// maxPackage is the largest content of a package in bytes, as the server has it.
const maxPackage = 1 << 30

// ModifyPlan reads the file, so that another content is a change and a missing file is refused before anything is applied.
func (r *packageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.base.ModifyPlan(ctx, req, resp) // it is to be destroyed, with or without its file
		return
	}
	var source, fileName, format types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("source"), &source)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("file_name"), &fileName)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("format"), &format)...)
	if resp.Diagnostics.HasError() {
		return
	}
	digest, size := types.StringUnknown(), types.Int64Unknown()
	if source.IsUnknown() {
		fileName, format = orUnknown(fileName), orUnknown(format)
	} else {
		sum, n, err := readSource(source.ValueString())
		if err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("source"), "The package's file cannot be used", sentence(err.Error()))
			return
		}
		digest, size = types.StringValue(sum), types.Int64Value(n)
		fileName, format = or(fileName, filepath.Base(source.ValueString())), or(format, formatOf(source.ValueString()))
		if err := formed(source.ValueString(), format.ValueString()); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("source"), "The package's file cannot be used", sentence(err.Error()))
			return
		}
	}
	for name, value := range map[string]any{"sha256": digest, "size": size, "file_name": fileName, "format": format} {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root(name), value)...)
	}
	r.foresee(ctx, req, resp)
}

func or(v types.String, other string) types.String {
	if v.IsNull() {
		return types.StringValue(other)
	}
	return v
}

func orUnknown(v types.String) types.String {
	if v.IsNull() {
		return types.StringUnknown()
	}
	return v
}

func formatOf(file string) string {
	file = strings.ToLower(file)
	for end, format := range map[string]string{".zip": "zip", ".tar": "tar", ".tar.gz": "tar.gz", ".tgz": "tar.gz"} {
		if strings.HasSuffix(file, end) {
			return format
		}
	}
	return "raw"
}

// readSource gives digest and size of a file. The errors are whole sentences but for the full stop.
func readSource(name string) (digest string, size int64, err error) {
	f, err := os.Open(name) //nolint:gosec // the file that the configuration names
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, fmt.Errorf("there is no file %q on this machine; a relative path starts where terraform runs, ${path.module}/… where the configuration lies", name)
	}
	if err != nil {
		return "", 0, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	st, err := f.Stat()
	switch {
	case err != nil:
		return "", 0, err
	case !st.Mode().IsRegular():
		return "", 0, fmt.Errorf("%q is no file", name)
	case st.Size() == 0 || st.Size() > maxPackage:
		return "", 0, fmt.Errorf("%q has %d bytes; a package has 1 to %d", name, st.Size(), maxPackage)
	}
	sum := sha256.New()
	size, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), size, err
}

// upload gives the data center the content, unless it has it: also after an apply that was cut off before the package was
// written. It says whether the package may follow.
func (r *packageResource) upload(ctx context.Context, op operation, plan tfsdk.Plan, diags *diag.Diagnostics) bool {
	var m packageModel
	diags.Append(plan.Get(ctx, &m)...)
	if !r.ready(diags) {
		return false
	}
	name := m.Source.ValueString()
	digest, size, err := readSource(name)
	if err == nil && !m.SHA256.IsUnknown() && digest != m.SHA256.ValueString() {
		err = fmt.Errorf("the file %q has changed since the plan; plan again", name)
	}
	if err != nil {
		diags.AddAttributeError(path.Root("source"), "The package's file cannot be used", sentence(err.Error()))
		return false
	}
	at := client.Path("v1", "blobs", digest)
	_, err = r.client.Do(ctx, client.Request{Method: http.MethodGet, Path: at})
	if gone(err) {
		progress(ctx, "the content of the package is sent", map[string]any{"name": m.key(), "bytes": size})
		_, err = r.client.Do(ctx, client.Request{Method: http.MethodPut, Path: at, Timeout: -1,
			Content: &client.Content{Length: size, Open: func() (io.ReadCloser, error) { return os.Open(name) }}}) //nolint:gosec // see readSource
	}
	if err != nil {
		r.refused(op, m.key(), plan.Schema, err, diags)
	}
	return !diags.HasError()
}
