import {
  to = concord_data_center.ny
  id = "NYDC"
}
