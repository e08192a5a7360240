// Package config is the configuration of one node: the file concord.hcl as typed values.
//
// It owns the file's grammar, its defaults (Defaults) and its checks. Load refuses unknown keys and reports every fault of
// a file in one run, each with file, line and column, so that an operator repairs it once. WriteNode writes a file that
// Load reads back unchanged. DevNodes, WriteDev and ReadDev are the layout of `concord dev` and its dev.json. The command
// line and app call it; it opens no listener and knows nothing of what the values are used for.
package config
