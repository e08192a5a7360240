package journal

import (
	"encoding/binary"

	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// Keys of the state store that the journal owns (all under "c/"):
//
//	c/p                               position: epoch, sequence, digest, generation (mirrored in the head record)
//	c/d                               the digest's lanes
//	c/k                               the lanes of the local objects' digest
//	c/l/<kind> 00 <name>              local objects
//	c/e/<kind> 00 <name>              edits that a clone lays over replicated objects
//	c/g/<generation BE8><kind> 00 <name>  replicated objects of one generation
//	c/j/<generation BE8><sequence BE8>    journal records of one generation
//	c/s                               mark of the staging that was begun last
//
// A generation is one whole copy of the replicated objects with its journal. Only the one in the position is read;
// another one is a snapshot that is being staged, or what a switch has left behind.

// PositionKey is the key whose value the store mirrors in the head record.
func PositionKey() []byte { return []byte("c/p") }

var (
	lanesKey      = []byte("c/d")
	localLanesKey = []byte("c/k")
	localPrefix   = []byte("c/l/")
	objectSpace   = []byte("c/g/")
	recordSpace   = []byte("c/j/")
	stagingKey    = []byte("c/s")
)

func kindPrefix(kind mdc.Kind, generation uint64) []byte {
	var b []byte
	if kind.Scope == mdc.Local {
		b = append(b, localPrefix...)
	} else {
		b = generationPrefix(objectSpace, generation)
	}
	return append(append(b, kind.Name...), 0)
}

func objectKey(kind mdc.Kind, generation uint64, name string) []byte {
	return append(kindPrefix(kind, generation), kind.Key(name)...)
}

func generationPrefix(space []byte, generation uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), space...), generation)
}

func recordKey(generation, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(generationPrefix(recordSpace, generation), sequence)
}
