import {
  to = concord_admin_role.finance
  id = "finance"
}
