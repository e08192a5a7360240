package wire

// PairRequest is POST /peer/v1/pair: the caller's roots, with the proof that it knows the passphrase.
type PairRequest struct {
	ClusterID string `json:"cluster_id"`
	Bundle    string `json:"bundle"` // the caller's SPIFFE bundle, byte for byte as it is proved
	Proof     []byte `json:"proof"`
}

// PairAnswer is the proof of who was asked.
type PairAnswer struct {
	Proof []byte `json:"proof"`
}

// HeaderProof carries the proof of a message between data centers in mode open, in both directions.
const HeaderProof = "X-Concord-Proof"

// ProvedRequestHeaders are the headers of a request in mode open that its proof covers, and that alone are read.
func ProvedRequestHeaders() []string {
	return []string{"Accept", "Accept-Encoding", "Authorization", "Content-Type", "If-Match", "If-None-Match", "If-Range", "Range",
		HeaderCluster, HeaderEpoch, HeaderRequestID, HeaderTime, HeaderVersion}
}

// ProvedAnswerHeaders are those of an answer.
func ProvedAnswerHeaders() []string {
	return []string{"Content-Encoding", "Content-Range", "Content-Type", "Etag", "Retry-After",
		HeaderCluster, HeaderEpoch, HeaderNode, HeaderRequestID, HeaderTime, HeaderVersion}
}
