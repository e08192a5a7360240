import {
  to = concord_admin_role.finance
  identity = {
    id = "finance"
  }
}
