import {
  to = concord_user_collection.staff
  identity = {
    id = "ann,bob,carl"
  }
}
