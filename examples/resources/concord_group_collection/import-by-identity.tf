import {
  to = concord_group_collection.offices
  identity = {
    id = "office-*"
  }
}
