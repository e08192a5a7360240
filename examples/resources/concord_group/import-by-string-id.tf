import {
  to = concord_group.staff
  id = "staff"
}
