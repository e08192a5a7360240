// Command dist makes the files of a release: `make dist` calls it.
//
// For each platform it builds the provider, and for some the server, packs each program alone, says with checksums what came
// out, and lists what each program is made of (CycloneDX). With a key it signs the checksums. Two runs over the same source with
// the same Go release write the same bytes: nothing of the machine, the folder or the moment gets into a file, and the time
// in them is that of the commit.
//
// It knows names and shapes that others depend on: those of Terraform's registry, which are those of a packed mirror too.
package main
