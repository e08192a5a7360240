package provider

import (
	"slices"
	"strings"
)

// LogLevels gives the environment variables that make this process log what Terraform shows, and no more. The plugin libraries log every
// step of every call at level trace, to Terraform, which takes each line apart before it drops it: a third of the processor time of a
// plan of many resources. getenv is os.Getenv; what is set already stays.
func LogLevels(getenv func(string) string) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"TF_LOG_SDK", "TF_LOG_PROVIDER_CONCORD"} { // the libraries', and the log of this provider's own requests
		if getenv(name) == "" {
			out[name] = shownLevel(getenv)
		}
	}
	return out
}

// shownLevel is what Terraform shows of a provider's log: TF_LOG_PROVIDER counts before TF_LOG, and what it does not know is taken for
// trace, as Terraform does.
func shownLevel(getenv func(string) string) string {
	level := getenv("TF_LOG_PROVIDER")
	if level == "" {
		level = getenv("TF_LOG")
	}
	switch level = strings.ToLower(level); {
	case level == "":
		return "off"
	case slices.Contains([]string{"trace", "debug", "info", "warn", "error", "off"}, level):
		return level
	}
	return "trace"
}
