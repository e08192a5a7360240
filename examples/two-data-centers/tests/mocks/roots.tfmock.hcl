# What concord_trust_bundle answers: a data center's roots must be certificates, and made-up text is none.

mock_data "concord_trust_bundle" {
  defaults = {
    certificate_pem = <<-EOT
      -----BEGIN CERTIFICATE-----
      MIIBtzCCAV2gAwIBAgIUIiB69HjCd3FpX9rn1XSOdYldgUgwCgYIKoZIzj0EAwIw
      KDEQMA4GA1UECgwHRXhhbXBsZTEUMBIGA1UEAwwLTERDIFJvb3QgQ0EwIBcNMjYx
      MTI4MDcyMDEzWhgPMjEyNjExMDQwNzIwMTNaMCgxEDAOBgNVBAoMB0V4YW1wbGUx
      FDASBgNVBAMMC0xEQyBSb290IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
      qV3PXqGu1/qKAj7YlsOADUZZE5ZhOOI11k20OHO4sBoPBiy5TapR0fW4dhTlxJN7
      P0XMy1pRMgXiblW60xJAzqNjMGEwHQYDVR0OBBYEFBs9xIFWDct8Mhs4kBsU/CIY
      YxGMMB8GA1UdIwQYMBaAFBs9xIFWDct8Mhs4kBsU/CIYYxGMMA8GA1UdEwEB/wQF
      MAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49BAMCA0gAMEUCIDE+TJehoMFn
      e8Jwqf2l4ETuVrvJZMymJVzIVazWZ9hNAiEA9aY+kg8IoMn4iXn/UyNinp58XiQn
      U5fe5VoodHi6BrI=
      -----END CERTIFICATE-----
    EOT
  }
}
