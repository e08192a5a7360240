import {
  to = concord_group_collection.offices
  id = "office-*"
}
