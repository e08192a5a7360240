package provider

import (
	"context"
	"log/slog"

	"github.com/hashicorp/terraform-plugin-log/tflog"
)

var _ slog.Handler = logHandler{}

// logHandler writes the client's log into Terraform's, which TF_LOG=debug shows. The client logs neither headers nor
// bodies, so nothing needs masking.
type logHandler struct{ attrs []slog.Attr }

// Enabled is always true: Terraform decides.
func (logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes one line.
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	fields := map[string]any{}
	for _, a := range h.attrs {
		fields[a.Key] = a.Value.String()
	}
	r.Attrs(func(a slog.Attr) bool {
		fields[a.Key] = a.Value.String()
		return true
	})
	tflog.Debug(ctx, r.Message, fields)
	return nil
}

// WithAttrs adds attributes to every line.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{append(append([]slog.Attr(nil), h.attrs...), attrs...)}
}

// WithGroup is not used by the client; names stay flat.
func (h logHandler) WithGroup(string) slog.Handler { return h }

// progress tells how far a long operation is, in Terraform's log at level info.
func progress(ctx context.Context, message string, fields map[string]any) {
	tflog.Info(ctx, message, fields)
}
