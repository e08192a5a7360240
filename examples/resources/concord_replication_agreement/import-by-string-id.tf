import {
  to = concord_replication_agreement.ldc
  id = "NYDC-LDC-5f0c9a11"
}
