import {
  to = concord_user.alice
  identity = {
    id = "alice"
  }
}
