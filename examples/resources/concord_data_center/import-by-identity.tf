import {
  to = concord_data_center.ny
  identity = {
    id = "NYDC"
  }
}
