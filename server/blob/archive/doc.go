// Package archive looks into what is uploaded before it is accepted (SEC-66): whoever unpacks a package later, with
// whatever program, shall not write outside of the folder that they chose, nor fill their disk.
//
// Check reads zip, tar and tar.gz to their end, without writing anything anywhere. The room's store calls it on whole
// files; a data center that fetched a blob from another one checks it again. It knows no HTTP and no store. An archive in
// another format is not recognised and passes as what it is: opaque bytes.
package archive
