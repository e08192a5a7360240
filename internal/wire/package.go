package wire

// Package is the writable half of /v1/packages/{name}. Its content is uploaded first: PUT /v1/blobs/{sha256}.
type Package struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	FileName    string   `json:"file_name,omitempty"` // what a browser saves it as; "" = the name
	SHA256      string   `json:"sha256"`
	Size        int64    `json:"size"`             // bytes
	Format      string   `json:"format,omitempty"` // zip, tar, tar.gz or raw (default)
	Users       []string `json:"users,omitempty"`
	Groups      []string `json:"groups,omitempty"`
}

// PackageView is a package as it is answered.
type PackageView struct {
	Package
	ID string `json:"id"`
}

// Blob is the answer to PUT /v1/blobs/{sha256}: content that is here, whole and verified.
type Blob struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`   // bytes
	Format string `json:"format"` // as its bytes say: zip, tar, tar.gz or raw
}
