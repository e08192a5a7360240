// Package oam reads the property files of Oracle Access Manager's multi-data-center mode: partnerInfo.properties, with which
// addPartnerForMultiDataCentre registers a data center (OAM-40, OAM-41), and oamMDCProperty.properties, with which
// enableMultiDataCentreMode sets the session policy (OAM-19 to OAM-25). It gives their values under the names that Concord's
// attributes have.
//
// The function parse_oam_properties calls it. It must not know Terraform, and it decides nothing: whether a value is allowed is for the
// attribute that takes it. A text is bounded in bytes and entries. A fault names its line and its key, and never a passphrase.
package oam
