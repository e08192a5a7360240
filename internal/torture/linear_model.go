package main

import "github.com/anishathalye/porcupine"

// input is what a client wanted of one object.
type input struct {
	object string
	op     string // read, create, swap, delete
	old    string // swap and delete: the value that it must have
	value  string // create and swap
}

// output is what it was told.
type output struct {
	value   string // read: "" = absent
	done    bool   // the write was accepted; false: its precondition did not hold
	unknown bool   // no answer: it happened at any time from then on, or never
}

// model is one object: its value, "" = absent.
func model() porcupine.Model {
	return porcupine.Model{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			by := map[string][]porcupine.Operation{}
			for _, o := range all {
				object := o.Input.(input).object //nolint:forcetypeassert // ours
				by[object] = append(by[object], o)
			}
			var out [][]porcupine.Operation
			for _, part := range by {
				out = append(out, part)
			}
			return out
		},
		Init: func() any { return "" },
		Step: func(state, in, out any) (bool, any) { return step(state.(string), in.(input), out.(output)) }, //nolint:forcetypeassert // ours
	}
}

func step(value string, in input, out output) (bool, string) {
	if in.op == "read" {
		return out.value == value, value
	}
	holds := value == "" && in.op == "create" || value != "" && value == in.old && in.op != "create"
	if out.unknown {
		if holds {
			return true, in.value
		}
		return true, value
	}
	if out.done != holds {
		return false, value
	}
	if holds {
		return true, in.value // "" of a delete
	}
	return true, value
}
