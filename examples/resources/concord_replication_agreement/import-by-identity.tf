import {
  to = concord_replication_agreement.ldc
  identity = {
    id = "NYDC-LDC-5f0c9a11"
  }
}
