import {
  to = concord_group.staff
  identity = {
    id = "staff"
  }
}
