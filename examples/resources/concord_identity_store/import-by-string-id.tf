import {
  to = concord_identity_store.corp
  id = "corp"
}
