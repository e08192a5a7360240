import {
  to = concord_identity_store.corp
  identity = {
    id = "corp"
  }
}
