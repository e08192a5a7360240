import {
  to = concord_user.alice
  id = "alice"
}
