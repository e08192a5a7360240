package ca

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// form is the request that step is shown with every order. step checks a request's signature twice, and the authority has
// done so before the intent was recorded: a third of the time of a certificate would go into checking the same again. So step
// gets a request whose signature is cheap to check (RSA), and the shape and the key of the certificate come from the order.
// Nobody has the key of this one: it was dropped when the request was made, and no certificate is ever issued for it.
const form = `-----BEGIN CERTIFICATE REQUEST-----
MIICVzCCAT8CAQAwEjEQMA4GA1UEAwwHY29uY29yZDCCASIwDQYJKoZIhvcNAQEB
BQADggEPADCCAQoCggEBANnyuyUrxQy9XbL6rVCHkshkJgPFE2k/YLDdCOuxJxd6
0II0riUgsa2VMffvF1gS6lbvSRiUIIj22pk68PNXTVnxCcYfEJJtYXVetMoHBIcM
PZO6TgG54UzgCr+7tkmaMail4t29gMR7LBKHuK9qPrR6UjzPvl1H08lCvSuUtuil
df6x6YJWcIrkB9ryMm2gTOKbaIi6qB9gClnIs7sNUuOhhVaH4Sk9DpfmFySHLFyc
nHmiU3RhjORd3pMv9ZwZnztUkivhBUH8aCn9TrvjG04vUW8aelXNGNq2AeAw1iTl
C9DSStalXL5oMCSY9vVj828vsKrXlHZHev9yf3g24c8CAwEAAaAAMA0GCSqGSIb3
DQEBCwUAA4IBAQCIiuKSDM0NwUa36EsGpPuWHUfoearyn0mksejVnXl+WSHZP5KG
xnfXq3eIeDMBF4EjJTxRANqxOTQf84ytpDEH91NLGyCmvuer7rR5zaykCeCxjVES
YoO+XTX6Dl0LaRaG/lPQOXpoMZpA3KTDEmhb8SSMTlAMT4kataBeEvQ2stgJQLvF
pQL3mSqQcTWcGmnT6PQbjS+bkCIRMAaVqUrNYeu/F5REaDKeshGhyLVV9dmV27LW
TEp1xlx3QcCJuotPRNki7IADDHAulR7kj5Nh1EKcXTQKdR9Syvh/7TcEzQqAqUoF
eVbeHwtv4AfJghwPV9AcI+xnyWKzj/nkjihJ
-----END CERTIFICATE REQUEST-----
`

func readForm() (*x509.CertificateRequest, error) {
	block, _ := pem.Decode([]byte(form))
	if block == nil {
		return nil, errors.New("read form: no PEM")
	}
	return x509.ParseCertificateRequest(block.Bytes)
}
