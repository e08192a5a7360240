import {
  to = concord_user_collection.staff
  id = "ann,bob,carl"
}
